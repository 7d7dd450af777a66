#!/usr/bin/env bash
# Deploys a second release, fails with a third one, and goes back to the first one. Each must leave
# the release running that is expected.
set -euo pipefail

cd "$(dirname "$0")/../.."
deploy=tests/cluster/deploy.sh

# runs TAG
runs() {
  local tag
  tag=$(kubectl --namespace connectivity-kind get spinapp connectivity -o 'jsonpath={.metadata.annotations.connectivity/tag}')
  [ "$tag" = "$1" ] || { echo "roll-back: $tag runs in place of $1" >&2; exit 1; }
}

LOG_LEVEL=debug "$deploy" two
runs two

# An image that does not exist: the pods never start.
broken=$(mktemp)
sed 's/\(connectivity-bridge@sha256:\).*/\10000000000000000000000000000000000000000000000000000000000000000/' images > "$broken"
status=0
IMAGES=$broken TIMEOUT_SECONDS=90 "$deploy" three || status=$?
[ "$status" = 1 ] || { echo "roll-back: a release that cannot start ended with $status" >&2; exit 1; }
runs two

"$deploy" --back one
runs one
