#!/usr/bin/env bash
# Rolls a release out, sees whether it is healthy, and goes back to the last one that was if it is not.
#
#   REGISTRY=registry.example/team k8s/deploy.sh development|staging|production TAG
#
# TAG is that of one commit (k8s/publish.sh pushes it). A release is what the overlay renders to with that tag. The last
# healthy one is kept in the config map `connectivity-release`: going back is applying it again. `kubectl rollout undo`
# would not do: SpinKube's operator makes the Deployment of the components, and would make it again as it was.
#
# With RENDER_ONLY set it prints the release and does nothing.
#
# Ends with 0: rolled out. 1: not healthy, and gone back (or there was nothing to go back to). 2: could not go back either.
set -euo pipefail

environment=${1:?"usage: deploy.sh development|staging|production TAG"}
tag=${2:?"usage: deploy.sh development|staging|production TAG"}
registry=${REGISTRY:?"set REGISTRY to where the images are, such as registry.example/team"}
timeout=${TIMEOUT_SECONDS:-300}

here=$(cd "$(dirname "$0")" && pwd)
[ -f "$here/overlays/$environment/kustomization.yaml" ] || { echo "deploy: no environment $environment" >&2; exit 64; }
# Beside the overlays: kustomize takes no absolute paths.
work=$(mktemp -d "$here/overlays/.release.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { echo "==> $*"; }

# The overlay, with the images of this release.
render() {
  cp "$here/base/spin.kustomize.yaml" "$work/"
  {
    printf 'resources: [../%s]\nconfigurations: [spin.kustomize.yaml]\nsortOptions: { order: fifo }\nimages:\n' "$environment"
    for image in connectivity connectivity-spin connectivity-bridge; do
      printf '  - { name: %s, newName: %s/%s, newTag: "%s" }\n' "$image" "$registry" "$image" "$tag"
    done
  } > "$work/kustomization.yaml"
  kubectl kustomize "$work" > "$work/unnamed.yaml"
  # Named after its content, and the name is on the pods: so it can be told when the operator has seen it.
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

# Polls until the operator has made this release the Deployment's.
seen() {
  local name deadline
  name=$(sed -n 's|^ *connectivity/release: *||p' "$1" | head -n 1)
  deadline=$((SECONDS + timeout))
  until [ "$(in_namespace get deployment connectivity --ignore-not-found \
    -o 'jsonpath={.spec.template.metadata.annotations.connectivity/release}')" = "$name" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "deploy: the operator has not taken up $name" >&2; return 1; }
    sleep 1
  done
}

in_namespace() { kubectl --namespace "$namespace" "$@"; }

migrate() {
  say "bringing the schema up to date"
  in_namespace delete job connectivity-migration --ignore-not-found --wait || return
  kubectl apply -f "$work/release.yaml" -l 'app.kubernetes.io/component notin (web, bridge)' || return
  in_namespace wait job/connectivity-migration --for=condition=complete --timeout="${timeout}s"
}

# Applies a manifest, without its migration, and waits until all of it runs and answers.
roll_out() {
  local rest='app.kubernetes.io/component notin (migration)'
  # Twice, for the first time ever: the operator may refuse a SpinApp whose executor it has not seen yet.
  kubectl apply -f "$1" -l "$rest" || { sleep 2 && kubectl apply -f "$1" -l "$rest"; } || return
  seen "$1" || return
  for deployment in connectivity connectivity-bridge; do
    in_namespace rollout status "deployment/$deployment" --timeout="${timeout}s" || return
  done
  healthy connectivity 80 && healthy connectivity-bridge 9100
}

# Asks a Service from here, through a tunnel: its network policy lets nobody else in.
healthy() {
  local tunnel address="" status=1 deadline=$((SECONDS + timeout))
  say "asking $1 how it is"
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
  echo "deploy: $tag is not healthy, and nothing was healthy before it: left as it is, to be looked at" >&2
  exit 1
fi
say "$tag is not healthy: going back"
if roll_out "$work/previous.yaml"; then
  echo "deploy: $tag was not healthy; the release before it runs again" >&2
  exit 1
fi
echo "deploy: neither $tag nor the release before it is healthy" >&2
exit 2
