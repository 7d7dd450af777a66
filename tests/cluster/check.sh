#!/usr/bin/env bash
# Sends a document through RabbitMQ, the bridge, the components and the registry, and waits for its
# result. (The check of a citizen is the smoke test of k8s/deploy.sh.)
set -euo pipefail

bridge() { kubectl --namespace connectivity-kind exec --stdin deployment/connectivity-bridge -- connectivity-bridge "$@"; }

results=$(mktemp)
bridge results < /dev/null > "$results" &
consumer=$!
trap 'kill "$consumer" 2> /dev/null || true; rm -f "$results"' EXIT

id=cluster-$(date +%s)
bridge publish <<< "{\"messageId\": \"$id\", \"idCitizen\": 1128456232, \"UrlDocument\": \"https://bucket.example/file.pdf\", \"documentTitle\": \"Diploma\"}"
deadline=$((SECONDS + 120))
until grep "$id" "$results" | grep -q SUCCESS; do
  [ "$SECONDS" -lt "$deadline" ] || { echo "check: no result of the document $id" >&2; exit 1; }
  sleep 1
done
echo "the document $id was authenticated"
