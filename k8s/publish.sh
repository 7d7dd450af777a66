#!/usr/bin/env bash
# Builds the images and the application from the checked-out commit, and pushes them with SBOM and
# provenance under the tag of the commit. What is there already is not built again, and never
# overwritten: all environments get the same bytes.
#
#   REGISTRY=registry.example/team k8s/publish.sh
#
# Prints the images by their digests, which k8s/deploy.sh deploys.
set -euo pipefail

registry=${REGISTRY:?"set REGISTRY to the image registry, such as registry.example/team"}
cd "$(dirname "$0")/.."
# shellcheck source=k8s/deploy/registry.sh
. k8s/deploy/registry.sh

[ -z "$(git status --porcelain)" ] || { echo "publish: commit the changes first: the images are named by the commit" >&2; exit 1; }
commit=$(git rev-parse HEAD)

# publish NAME COMMAND…: publishes an image with this command, unless it exists.
publish() {
  local present
  present=$(digest_of "$registry/$1:$commit")
  if [ -n "$present" ]; then echo "publish: $1:$commit exists" >&2; else "${@:2}" >&2; fi
}

# build NAME DOCKERFILE TARGET
build() {
  docker buildx build --push --sbom=true --provenance=mode=max --file "$2" --target "$3" --tag "$registry/$1:$commit" .
}

# Pushes the application in the form that Spin pulls, with the same components as the image.
push_application() {
  docker run --rm --user "$(id -u)" --env HOME=/tmp --env DOCKER_CONFIG=/docker \
    --volume "${DOCKER_CONFIG:-$HOME/.docker}:/docker:ro" \
    "$registry/connectivity-application:$commit" registry push --file /application/spin.toml "$registry/connectivity:$commit"
}

publish connectivity-bridge build connectivity-bridge Dockerfile bridge
publish connectivity-spin build connectivity-spin Dockerfile.spin spin
publish connectivity-application build connectivity-application Dockerfile.spin application
publish connectivity push_application

k8s/images.sh "$commit"
