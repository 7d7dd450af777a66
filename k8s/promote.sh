#!/usr/bin/env bash
# Gives further tags to images that are published already. Nothing is built.
#
#   k8s/promote.sh development|staging|production < IMAGES   after the rollout was healthy
#   k8s/promote.sh --version VERSION < IMAGES                for a release
#
# IMAGES are listed as k8s/images.sh prints them. The first form moves the tag that the
# environment's overlay names, and for production also `latest`. The second one sets the tag of a
# version, which is never moved.
set -euo pipefail

# shellcheck source=k8s/deploy/registry.sh
. "$(dirname "$0")/deploy/registry.sh"

# move IMAGE TAG: the manifest is copied as it is, so that the digest stays the same.
move() { docker buildx imagetools create --prefer-index=false --tag "${1%@*}:$2" "$1" >&2; }

# fix IMAGE TAG
fix() {
  local present
  present=$(digest_of "${1%@*}:$2")
  case $present in
    "") move "$1" "$2" ;;
    "${1#*@}") ;;
    *) echo "promote: ${1%@*}:$2 has other content already: raise the version" >&2; exit 1 ;;
  esac
}

case $#:${1:-} in
  2:--version) step=fix tags=("$2") ;;
  1:development | 1:staging | 1:production)
    overlay=$(dirname "$0")/overlays/$1/kustomization.yaml
    moving=$(sed -n 's/.*name: connectivity-bridge, newTag: \([a-z-]*\) .*/\1/p' "$overlay")
    step=move tags=("${moving:?the overlay names no tag for connectivity-bridge}")
    if [ "$1" = production ]; then tags+=(latest); fi
    ;;
  *)
    echo "usage: promote.sh development|staging|production | --version VERSION" >&2
    exit 64
    ;;
esac

mapfile -t images
[ "${#images[@]}" = 3 ] || { echo "promote: expected 3 images, but ${#images[@]} are listed" >&2; exit 1; }
for tag in "${tags[@]}"; do
  for image in "${images[@]}"; do "$step" "$image" "$tag"; done
done
