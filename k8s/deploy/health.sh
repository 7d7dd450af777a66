# shellcheck shell=bash disable=SC2154 # the variables are those of deploy.sh
# Requests to a release, through port-forwards, because its network policies block other access.

check_smoke_settings() {
  if [ "${SMOKE:-}" = skip ]; then return; fi
  [ -n "${SMOKE_CLIENT_ID:-}" ] && [ -n "${SMOKE_CLIENT_SECRET:-}" ] && [ -n "${SMOKE_CITIZEN:-}" ] ||
    fail 64 "set SMOKE_CLIENT_ID, SMOKE_CLIENT_SECRET and SMOKE_CITIZEN for the smoke test, or SMOKE=skip"
}

# through_tunnel SERVICE PORT SECONDS CHECK: calls CHECK with the address of the Service until it
# succeeds. Each attempt has a port-forward of its own, because one ends together with its pod.
through_tunnel() {
  local deadline=$((SECONDS + $3))
  : > "$work/reason"
  until attempt "$1" "$2" "$4" 2> "$work/reason"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "deploy: $1 failed the check $4: $(cat "$work/reason")" >&2
      return 1
    fi
    pause
  done
}

# attempt SERVICE PORT CHECK
attempt() {
  local tunnel status=1 address
  kubectl --namespace "$namespace" port-forward "service/$1" ":$2" > "$work/tunnel" 2>&1 &
  tunnel=$!
  if address=$(tunnel_address "$tunnel"); then
    "$3" "http://$address" && status=0
  else
    cat "$work/tunnel" >&2
  fi
  kill "$tunnel" 2> /dev/null || true
  wait "$tunnel" 2> /dev/null || true
  return "$status"
}

# Prints the local address of a port-forward once it listens, within ten seconds.
tunnel_address() {
  local address _
  for _ in $(seq 200); do
    address=$(sed -n 's/^Forwarding from \(127\.0\.0\.1:[0-9]*\) .*/\1/p' "$work/tunnel" | head -n 1)
    [ -z "$address" ] || { echo "$address"; return; }
    kill -0 "$1" 2> /dev/null || return
    sleep 0.05
  done
  return 1
}

# request SECONDS ARGUMENTS: sends a request. The body of the response is in $work/answer, and its
# status in $work/status.
request() {
  curl --silent --show-error --max-time "$1" --output "$work/answer" --write-out '%{http_code}' "${@:2}" > "$work/status" &
  wait "$!"
}

is_ready() { request 5 --fail "$1/health/ready"; }

# Gets a token and checks a citizen. A registry that gives no verdict is no reason to go back.
# Secrets are passed through pipes, because every user can read arguments.
smoke_test() {
  local token
  request 10 --fail --data grant_type=client_credentials --data scope=affiliation \
    --data-urlencode client_id@<(printf %s "$SMOKE_CLIENT_ID") \
    --data-urlencode client_secret@<(printf %s "$SMOKE_CLIENT_SECRET") "$1/oauth/token" || return
  token=$(sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p' "$work/answer")
  # Longer than the components ask the registry.
  request 60 --header @<(printf 'Authorization: Bearer %s' "$token") --header 'Content-Type: application/json' \
    --data @<(printf '{"citizen_id": "%s"}' "$SMOKE_CITIZEN") "$1/api/v1/affiliation/check/" || return
  case $(cat "$work/status") in
    200 | 204) return ;;
  esac
  if grep -q urn:connectivity:problem:registry- "$work/answer"; then
    echo "    the registry gave no verdict"
    return
  fi
  echo "the check was answered with $(cat "$work/status")" >&2
  return 1
}
