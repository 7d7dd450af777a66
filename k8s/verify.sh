#!/usr/bin/env bash
# Verifies that a pipeline of this repository built and signed the images that are listed on
# standard input (see k8s/images.sh).
#
#   SIGNED_BY=https://github.com/OWNER/REPOSITORY/.github/workflows/cd.yml@refs/heads/main \
#     k8s/verify.sh < IMAGES
set -euo pipefail

identity=${SIGNED_BY:?"set SIGNED_BY to the workflow and the branch that sign the images"}

images=0
while read -r image; do
  cosign verify --certificate-oidc-issuer https://token.actions.githubusercontent.com \
    --certificate-identity "$identity" "$image" > /dev/null
  images=$((images + 1))
done
[ "$images" = 3 ] || { echo "verify: expected 3 images, but $images are listed" >&2; exit 1; }
