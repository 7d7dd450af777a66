#!/usr/bin/env bash
# Starts MariaDB, Redis, RabbitMQ and a registry that answers at once, and creates the secrets, in
# the namespace of the test. The passwords are new ones each time, and are not shown.
set -euo pipefail

cd "$(dirname "$0")/../.."
namespace=connectivity-kind
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
umask 077

password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
# put NAME VALUE: without a newline at the end.
put() { printf %s "$2" > "$secrets/$1"; }
# secret NAME KEY…
secret() {
  local keys=() key
  for key in "${@:2}"; do keys+=("--from-file=$key=$secrets/$key"); done
  in_namespace create secret generic "$1" "${keys[@]}" --dry-run=client -o yaml | in_namespace apply -f -
}
in_namespace() { kubectl --namespace "$namespace" "$@"; }

for name in mysql_password redis_password rabbitmq_password client_secret smoke_secret; do put "$name" "$(password)"; done
put rabbitmq_user bridge
put client_id bridge
put smoke_id smoke
put rabbitmq_management_url "http://bridge:$(cat "$secrets/rabbitmq_password")@rabbitmq:15672/%2F"
put database_url "mysql://connectivity:$(cat "$secrets/mysql_password")@mariadb:3306/connectivity"
put service_accounts "[{\"name\": \"bridge\", \"secret\": \"$(cat "$secrets/client_secret")\", \"scopes\": [\"bridge\"]},
  {\"name\": \"smoke\", \"secret\": \"$(cat "$secrets/smoke_secret")\", \"scopes\": [\"affiliation\", \"documents\"]}]"
bridge=$(grep 'connectivity-bridge@' images)
# Pulled first, because the progress would be taken for the public key.
docker pull --quiet "$bridge" > /dev/null
docker run --rm "$bridge" signing-key > "$secrets/jwt_signing_key" 2> "$secrets/jwt_public_keys"

kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f -
secret connectivity-secrets jwt_signing_key jwt_public_keys service_accounts mysql_password redis_password
secret connectivity-bridge-secrets rabbitmq_user rabbitmq_password rabbitmq_management_url client_id client_secret
secret connectivity-migration-secrets database_url
# Of this test only: the account that asks for tokens.
secret smoke smoke_id smoke_secret
in_namespace create secret generic connectivity-registry --type kubernetes.io/dockerconfigjson \
  --from-file=.dockerconfigjson="${DOCKER_CONFIG:-$HOME/.docker}/config.json" --dry-run=client -o yaml | in_namespace apply -f -

in_namespace apply -f tests/cluster/servers.yaml
for server in mariadb redis rabbitmq registry; do in_namespace rollout status "deployment/$server" --timeout=180s; done
