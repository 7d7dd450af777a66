#!/usr/bin/env bash
# Deploys the images of the file `images` as a release with this tag, or gives deploy.sh other
# words.
#
#   tests/cluster/deploy.sh TAG
#   tests/cluster/deploy.sh --back TAG
#
# LOG_LEVEL changes the release without a build.
set -euo pipefail

cd "$(dirname "$0")/../.."
overlay=k8s/overlays/kind
mkdir -p "$overlay"
trap 'rm -rf "$overlay"' EXIT
sed "s/log_level=info/log_level=${LOG_LEVEL:-info}/" tests/cluster/overlay.yaml > "$overlay/kustomization.yaml"
cp tests/cluster/registry-policy.yaml "$overlay/"

secret() { kubectl --namespace connectivity-kind get secret smoke -o "jsonpath={.data.$1}" | base64 --decode; }
SMOKE_CLIENT_ID=$(secret smoke_id) SMOKE_CLIENT_SECRET=$(secret smoke_secret) SMOKE_CITIZEN=1128456232 \
  IMAGES=${IMAGES:-images} k8s/deploy.sh kind "$@"
