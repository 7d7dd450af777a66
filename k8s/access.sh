#!/usr/bin/env bash
# Gives a pipeline access to a cluster, and writes ~/.kube/config for it.
#
# With KUBE_SERVER (the address of the API server) and KUBE_CA (its certificate authority, PEM),
# each call of kubectl gets a token of the pipeline itself, which is valid for minutes and names
# repository and environment: nothing is stored (docs/deployment.md). Otherwise KUBE_CONFIG is used,
# a kubeconfig file with the credentials of an account.
#
#   k8s/access.sh           writes ~/.kube/config
#   k8s/access.sh --token   prints a token, as kubectl asks for it
set -euo pipefail

# An ExecCredential with the token that GitHub issues to this job for the audience `kubernetes`.
print_token() {
  local answer token
  answer=$(curl --silent --show-error --fail --max-time 20 \
    --header @<(printf 'Authorization: Bearer %s' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN") \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=kubernetes")
  token=$(sed -n 's/.*"value" *: *"\([^"]*\)".*/\1/p' <<< "$answer")
  [ -n "$token" ] || { echo "access: no token was issued: the job needs the permission id-token: write" >&2; exit 1; }
  printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}\n' "$token"
}

own_token() {
  cat <<CONFIG
apiVersion: v1
kind: Config
current-context: cluster
clusters:
  - name: cluster
    cluster:
      server: "$KUBE_SERVER"
      certificate-authority-data: $(printf %s "$KUBE_CA" | base64 -w 0)
contexts:
  - name: cluster
    context: { cluster: cluster, user: pipeline }
users:
  - name: pipeline
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: "$(cd "$(dirname "$0")" && pwd)/access.sh"
        args: [--token]
        interactiveMode: Never
CONFIG
}

case $#:${1:-} in
  1:--token)
    print_token
    exit
    ;;
  0:) ;;
  *)
    echo "usage: access.sh [--token]" >&2
    exit 64
    ;;
esac

umask 077
mkdir -p "$HOME/.kube"
if [ -n "${KUBE_SERVER:-}" ]; then
  : "${KUBE_CA:?set KUBE_CA to the certificate authority of $KUBE_SERVER}"
  own_token > "$HOME/.kube/config"
else
  printf '%s\n' "${KUBE_CONFIG:?set KUBE_SERVER and KUBE_CA, or KUBE_CONFIG}" > "$HOME/.kube/config"
fi
