# shellcheck shell=bash disable=SC2154 # the variables are those of deploy.sh
# Releases: rendered from the overlay, and recorded in the cluster.

# The label of the config maps: `healthy` for each recorded release, and `last` for the last one.
label=connectivity/recorded

# Renders the overlay with the images of this release into $work/release.yaml.
render() {
  local digest
  images > "$work/images" || fail 64 "the images of $tag are not known: set IMAGES or REGISTRY, and publish them first"
  cp "$here/base/spin.kustomize.yaml" "$work/"
  {
    printf 'resources: [../%s]\nconfigurations: [spin.kustomize.yaml]\nsortOptions: { order: fifo }\nimages:\n' "$environment"
    while IFS=@ read -r image digest; do
      printf '  - { name: %s, newName: %s, digest: "%s" }\n' "${image##*/}" "$image" "$digest"
    done < "$work/images"
  } > "$work/kustomization.yaml"
  kubectl kustomize "$work" > "$work/unnamed.yaml"
  # The release is named by a digest of its content. The pods carry the name in an annotation, by
  # which wait_for_operator recognises the release.
  digest=$(sha256sum < "$work/unnamed.yaml" | cut -c1-16)
  cat >> "$work/kustomization.yaml" <<PATCH
patches:
  - patch: |
      apiVersion: core.spinkube.dev/v1alpha1
      kind: SpinApp
      metadata:
        name: connectivity
        annotations:
          connectivity/tag: "$tag"
      spec:
        podAnnotations:
          connectivity/release: "r-$digest"
PATCH
  kubectl kustomize "$work" > "$work/release.yaml"
}

# Prints the images of this release by their digests.
images() {
  local lines
  if [ -n "${IMAGES:-}" ]; then
    lines=$(cat "$IMAGES") || return
  else
    lines=$("$here/images.sh" "$tag") || return
  fi
  for image in connectivity connectivity-spin connectivity-bridge; do
    grep -E "^([^ @]+/)?$image@sha256:[0-9a-f]{64}\$" <<< "$lines" || {
      echo "deploy: no digest of the image $image" >&2
      return 1
    }
  done
}

# Prints the name that the pods of a rendered release carry.
name_of() { sed -n 's|^ *connectivity/release: *||p' "$1" | head -n 1; }

# Print the manifests of a release, or nothing if there is none.
current_release() { stored connectivity-release; }
recorded_release() { stored "connectivity-release-$1"; }
stored() { in_namespace get configmap "$1" --ignore-not-found -o 'jsonpath={.data.release\.yaml}'; }

# Records the release in $work/release.yaml as healthy, and as the last healthy one. The manifests
# are as secret as the repository: they name secrets and contain none.
record() {
  local old
  { store "connectivity-release-$tag" healthy && store connectivity-release last; } || return
  for old in $(releases | tail -n "+$((keep + 1))" | cut -d ' ' -f 1); do
    in_namespace delete configmap "connectivity-release-$old" --ignore-not-found > /dev/null || true
  done
}

# store NAME LABEL
store() {
  in_namespace create configmap "$1" --from-file=release.yaml="$work/release.yaml" --from-literal=tag="$tag" \
    --from-literal=deployed="$(now)" --dry-run=client -o yaml |
    kubectl label --local --filename - "$label=$2" --dry-run=client -o yaml |
    in_namespace apply --server-side --force-conflicts -f - > /dev/null
}

# Forgets which release was the last healthy one. It can still be chosen by its tag.
forget_current() { in_namespace delete configmap connectivity-release --ignore-not-found > /dev/null; }

# Prints the recorded releases, the newest first: tag and time.
releases() {
  in_namespace get configmap --selector "$label=healthy" \
    -o 'jsonpath={range .items[*]}{.data.deployed} {.data.tag}{"\n"}{end}' | sort -r | awk 'NF { print $2, $1 }'
}
