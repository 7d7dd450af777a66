#!/usr/bin/env bash
# Creates .env for docker-compose.yml: the names in .env.example, with random passwords and a new key
# pair for access tokens. Only its owner can read the file.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo "env.sh: .env exists already. To replace it, delete it together with the data that its passwords belong to (docker compose down --volumes)" >&2
  exit 1
fi

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl genpkey -algorithm ed25519 -out "$work/key.pem"
# The public key is the last 32 bytes of its DER form (RFC 8410). In base64url it is `x` of the JSON
# Web Key.
x=$(openssl pkey -in "$work/key.pem" -pubout -outform DER | tail -c 32 | openssl base64 -A | tr '+/' '-_' | tr -d '=')

while IFS='=' read -r name _; do
  case $name in
    '' | '#'*) continue ;;
    JWT_SIGNING_KEY) value="'$(tr '\n' ' ' < "$work/key.pem")'" ;;
    JWT_PUBLIC_KEYS) value="'{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"alg\":\"EdDSA\",\"kid\":\"${x:0:16}\",\"x\":\"$x\"}]}'" ;;
    # Newer secrets replace those of accounts that a database still has.
    ACCOUNTS_VERSION) value=$(date +%s) ;;
    *) value=$(openssl rand -hex 24) ;;
  esac
  echo "$name=$value"
done < .env.example > "$work/env"
mv "$work/env" .env
