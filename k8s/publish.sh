#!/usr/bin/env bash
# Builds the images and the application from the checked-out commit and pushes them with SBOM and
# provenance.
#
#   REGISTRY=registry.example/team k8s/publish.sh development|staging|production
#
# Tags: the commit, which k8s/deploy.sh deploys; the environment's moving tag, which its overlay
# names; for production also `latest` and the version. Prints the tag of the commit.
set -euo pipefail

environment=${1:?"usage: publish.sh development|staging|production"}
registry=${REGISTRY:?"set REGISTRY to the image registry, such as registry.example/team"}
cd "$(dirname "$0")/.."

commit=$(git rev-parse HEAD)
moving=$(sed -n 's/.*name: connectivity-bridge, newTag: \([a-z-]*\) .*/\1/p' "k8s/overlays/$environment/kustomization.yaml")
tags=("$commit" "${moving:?the overlay names no tag for connectivity-bridge}")
if [ "$environment" = production ]; then
  version=$(sed -n '/^\[workspace.package\]$/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
  tags+=(latest "$version")
fi

# image NAME DOCKERFILE TARGET
image() {
  local arguments=()
  for tag in "${tags[@]}"; do arguments+=(--tag "$registry/$1:$tag"); done
  docker buildx build --push --sbom=true --provenance=mode=max --file "$2" --target "$3" "${arguments[@]}" . >&2
}

image connectivity-bridge Dockerfile bridge
image connectivity-spin Dockerfile.spin spin
image connectivity-application Dockerfile.spin application

# The application in the form that Spin pulls, with the same components as the image.
for tag in "${tags[@]}"; do
  docker run --rm --user "$(id -u)" --env HOME=/tmp --env DOCKER_CONFIG=/docker \
    --volume "${DOCKER_CONFIG:-$HOME/.docker}:/docker:ro" \
    "$registry/connectivity-application:$commit" registry push --file /application/spin.toml "$registry/connectivity:$tag" >&2
done
echo "$commit"
