# shellcheck shell=bash disable=SC2154 # the variables are those of deploy.sh
# The lock against two rollouts at once: a Lease, which its holder renews. The Lease of a process
# that was killed expires.

lease=connectivity-rollout
lease_seconds=120
holder="$(id -un)@$(uname -n):$$${GITHUB_RUN_ID:+:run-$GITHUB_RUN_ID}"
locked=

now() { date -u +%Y-%m-%dT%H:%M:%S.%6NZ; }

# lease_manifest [RESOURCE_VERSION]
lease_manifest() {
  cat <<LEASE
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: $lease
  namespace: $namespace
${1:+  resourceVersion: "$1"}
spec:
  holderIdentity: "$holder"
  leaseDurationSeconds: $lease_seconds
  acquireTime: "$(now)"
  renewTime: "$(now)"
LEASE
}

# lease_get JSONPATH
lease_get() { in_namespace get lease "$lease" --ignore-not-found -o "jsonpath=$1"; }

# Takes the lock, or ends the script.
lock() {
  local refused renewed version
  if ! refused=$(lease_manifest | kubectl create -f - 2>&1 > /dev/null); then
    # One call, so that the version belongs to the time.
    read -r version renewed <<< "$(lease_get '{.metadata.resourceVersion} {.spec.renewTime}')" || true
    [ -n "${renewed:-}" ] || fail 1 "the lock cannot be taken: $refused"
    if [ $(($(date +%s) - $(date -d "$renewed" +%s))) -lt "$lease_seconds" ]; then
      fail 75 "another rollout is in progress ($(lease_get '{.spec.holderIdentity}')): wait until it has ended"
    fi
    say "taking over the lock of a rollout that ended without releasing it"
    # Refused if another process changed the Lease meanwhile.
    lease_manifest "$version" | kubectl replace -f - > /dev/null || fail 75 "another rollout has just begun: try again"
  fi
  locked=yes
  renew > /dev/null 2>&1 &
}

# Renews the lock until this process ends, or the lock is another process's.
renew() {
  while sleep "${RENEW_SECONDS:-20}" && kill -0 "$$"; do
    in_namespace patch lease "$lease" --type json --patch "[
      {\"op\": \"test\", \"path\": \"/spec/holderIdentity\", \"value\": \"$holder\"},
      {\"op\": \"replace\", \"path\": \"/spec/renewTime\", \"value\": \"$(now)\"}]" || true
  done
}

holds_lock() { [ -n "$locked" ] && [ "$(lease_get '{.spec.holderIdentity}')" = "$holder" ]; }

unlock() {
  if holds_lock; then in_namespace delete lease "$lease" --ignore-not-found > /dev/null || true; fi
}
