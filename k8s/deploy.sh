#!/usr/bin/env bash
# Rolls out a release, checks its health, and rolls back to the last healthy release if the check
# fails.
#
#   REGISTRY=registry.example/team k8s/deploy.sh development|staging|production TAG
#
# TAG is the tag of one commit, which k8s/publish.sh pushed. A release is the overlay rendered with
# that tag. The config map `connectivity-release` keeps the last healthy release, and a rollback
# applies it again. `kubectl rollout undo` does not work here: SpinKube's operator owns the
# components' Deployment and would revert it.
#
# With RENDER_ONLY set, the script prints the release and changes nothing.
#
# Exit codes: 0 rolled out; 1 not healthy, and rolled back if there was a release to roll back to;
# 2 the rollback failed as well; 64 unknown environment.
set -euo pipefail

environment=${1:?"usage: deploy.sh development|staging|production TAG"}
tag=${2:?"usage: deploy.sh development|staging|production TAG"}
registry=${REGISTRY:?"set REGISTRY to the image registry, such as registry.example/team"}
timeout=${TIMEOUT_SECONDS:-300}

here=$(cd "$(dirname "$0")" && pwd)
[ -f "$here/overlays/$environment/kustomization.yaml" ] || {
  echo "deploy: unknown environment $environment: use development, staging or production" >&2
  exit 64
}
# Created beside the overlays, because kustomize accepts relative paths only.
work=$(mktemp -d "$here/overlays/.release.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { echo "==> $*"; }

# Renders the overlay with the images of this release.
render() {
  cp "$here/base/spin.kustomize.yaml" "$work/"
  {
    printf 'resources: [../%s]\nconfigurations: [spin.kustomize.yaml]\nsortOptions: { order: fifo }\nimages:\n' "$environment"
    for image in connectivity connectivity-spin connectivity-bridge; do
      printf '  - { name: %s, newName: %s/%s, newTag: "%s" }\n' "$image" "$registry" "$image" "$tag"
    done
  } > "$work/kustomization.yaml"
  kubectl kustomize "$work" > "$work/unnamed.yaml"
  # The release is named by a digest of its content. The pods carry the name in an annotation, by
  # which wait_for_operator recognises the release.
  digest=$(sha256sum < "$work/unnamed.yaml" | cut -c1-16)
  cat >> "$work/kustomization.yaml" <<PATCH
patches:
  - target: { kind: SpinApp, name: connectivity }
    patch: |
      - op: add
        path: /spec/podAnnotations
        value: { connectivity/release: "r-$digest" }
PATCH
  kubectl kustomize "$work" > "$work/release.yaml"
}

# Waits until the operator has updated the Deployment to this release.
wait_for_operator() {
  local name deadline
  name=$(sed -n 's|^ *connectivity/release: *||p' "$1" | head -n 1)
  deadline=$((SECONDS + timeout))
  until [ "$(in_namespace get deployment connectivity --ignore-not-found \
    -o 'jsonpath={.spec.template.metadata.annotations.connectivity/release}')" = "$name" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "deploy: the SpinKube operator has not applied release $name" >&2; return 1; }
    sleep 1
  done
}

in_namespace() { kubectl --namespace "$namespace" "$@"; }

migrate() {
  say "migrating the database schema"
  in_namespace delete job connectivity-migration --ignore-not-found --wait || return
  kubectl apply -f "$work/release.yaml" -l 'app.kubernetes.io/component notin (web, bridge)' || return
  in_namespace wait job/connectivity-migration --for=condition=complete --timeout="${timeout}s"
}

# Applies a release without its migration, and waits until it is rolled out and healthy.
roll_out() {
  local rest='app.kubernetes.io/component notin (migration)'
  # Tried twice: in a first rollout the operator may reject a SpinApp whose executor it does not
  # know.
  kubectl apply -f "$1" -l "$rest" || { sleep 2 && kubectl apply -f "$1" -l "$rest"; } || return
  wait_for_operator "$1" || return
  for deployment in connectivity connectivity-bridge; do
    in_namespace rollout status "deployment/$deployment" --timeout="${timeout}s" || return
  done
  healthy connectivity 80 && healthy connectivity-bridge 9100
}

# Requests /health/ready of a Service through a port-forward, because its network policy blocks
# other access.
healthy() {
  local tunnel address="" status=1 deadline=$((SECONDS + timeout))
  say "checking the health of $1"
  in_namespace port-forward "service/$1" ":$2" > "$work/tunnel" 2>&1 &
  tunnel=$!
  until [ "$SECONDS" -ge "$deadline" ]; do
    sleep 0.5
    address=$(sed -n 's/^Forwarding from \(127\.0\.0\.1:[0-9]*\) .*/\1/p' "$work/tunnel" | head -n 1)
    if [ -n "$address" ] && curl --silent --show-error --fail --max-time 5 "http://$address/health/ready"; then
      status=0
      break
    fi
  done
  kill "$tunnel" 2> /dev/null || true
  [ "$status" = 0 ] || { echo "deploy: $1 is not healthy" >&2; cat "$work/tunnel" >&2; }
  return "$status"
}

# Stores this release as the last healthy one.
remember() {
  in_namespace create configmap connectivity-release --from-file=release.yaml="$work/release.yaml" --dry-run=client -o yaml |
    in_namespace apply --server-side --force-conflicts -f -
}

render
if [ -n "${RENDER_ONLY:-}" ]; then
  cat "$work/release.yaml"
  exit 0
fi
say "$environment: $tag"
namespace=$(sed -n '/^kind: Namespace$/,/^---$/s/^  name: //p' "$work/release.yaml")
in_namespace get configmap connectivity-release --ignore-not-found -o 'jsonpath={.data.release\.yaml}' > "$work/previous.yaml"

if migrate && say "rolling out" && roll_out "$work/release.yaml"; then
  remember
  say "$environment runs $tag"
  exit 0
fi
if [ ! -s "$work/previous.yaml" ]; then
  echo "deploy: $tag is not healthy, and there is no earlier release: inspect the namespace $namespace" >&2
  exit 1
fi
say "$tag is not healthy: rolling back"
if roll_out "$work/previous.yaml"; then
  echo "deploy: $tag was not healthy and was rolled back to the last healthy release" >&2
  exit 1
fi
echo "deploy: neither $tag nor the last healthy release is healthy: inspect the namespace $namespace" >&2
exit 2
