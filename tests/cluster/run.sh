#!/usr/bin/env bash
# Runs this commit in a cluster of kind: rollout, a check, a document, a failed rollout, going back.
#
#   REGISTRY=ghcr.io/team tests/cluster/run.sh
#
# Needs docker, kind, kubectl, helm and curl, and an image registry with TLS that pods can reach,
# with credentials in ~/.docker/config.json. The cluster is left for inspection: `kind delete
# cluster --name connectivity`. Each step is a script that can be run alone.
set -euo pipefail

cd "$(dirname "$0")/../.."
step() { echo "==> $*" >&2 && "$@"; }

step k8s/publish.sh > images
step tests/cluster/create.sh
step tests/cluster/servers.sh
step tests/cluster/deploy.sh one
step tests/cluster/check.sh
step tests/cluster/roll-back.sh
step tests/cluster/check.sh
