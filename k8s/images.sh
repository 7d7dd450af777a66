#!/usr/bin/env bash
# Prints the images of a tag by their digests, one a line.
#
#   REGISTRY=registry.example/team k8s/images.sh TAG
set -euo pipefail

tag=${1:?"usage: images.sh TAG"}
registry=${REGISTRY:?"set REGISTRY to the image registry, such as registry.example/team"}
# shellcheck source=k8s/deploy/registry.sh
. "$(dirname "$0")/deploy/registry.sh"

for image in connectivity connectivity-spin connectivity-bridge; do
  digest=$(digest_of "$registry/$image:$tag")
  [ -n "$digest" ] || { echo "images: $registry/$image:$tag does not exist: publish it first" >&2; exit 1; }
  echo "$registry/$image@$digest"
done
