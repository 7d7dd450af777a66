# shellcheck shell=bash disable=SC2154 # the variables are those of deploy.sh
# Steps of a rollout. Each returns an error instead of ending the script.

# Runs the migration of the new release, and waits until it has completed or failed.
migrate() {
  local deadline=$((SECONDS + timeout)) state
  say "migrating the database schema"
  in_namespace delete job connectivity-migration --ignore-not-found --wait || return
  apply "$work/release.yaml" 'app.kubernetes.io/component notin (web, bridge)' || return
  while :; do
    state=$(in_namespace get job connectivity-migration \
      -o 'jsonpath={.status.conditions[?(@.status=="True")].type}') || state=
    case " $state " in
      *" Complete "*) return 0 ;;
      *" Failed "*)
        echo "deploy: the migration failed:" >&2
        in_namespace logs job/connectivity-migration --tail=20 >&2 || true
        return 1
        ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || { echo "deploy: the migration has not completed within $timeout s" >&2; return 1; }
    pause
  done
}

# Waits until the operator has updated the Deployment to this release.
wait_for_operator() {
  local name deadline=$((SECONDS + timeout))
  name=$(name_of "$1")
  until [ "$(in_namespace get deployment connectivity --ignore-not-found \
    -o 'jsonpath={.spec.template.metadata.annotations.connectivity/release}')" = "$name" ]; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "deploy: the SpinKube operator has not applied release $name" >&2; return 1; }
    pause
  done
}

# Applies a release without its migration, and waits until it is rolled out and healthy.
roll_out() {
  local deployment
  say "rolling out"
  apply_release "$1" || return
  wait_for_operator "$1" || return
  for deployment in connectivity connectivity-bridge; do
    interruptible rollout status "deployment/$deployment" --timeout="${timeout}s" || return
  done
  say "checking the health"
  through_tunnel connectivity 80 "$timeout" is_ready || return
  through_tunnel connectivity-bridge 9100 "$timeout" is_ready || return
  if [ "${SMOKE:-}" = skip ]; then
    say "SKIPPED: the smoke test"
    return
  fi
  say "asking for a token and checking a citizen"
  through_tunnel connectivity 80 "$((timeout < 60 ? timeout : 60))" smoke_test
}
