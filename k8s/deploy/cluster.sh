# shellcheck shell=bash disable=SC2154 # the variables are those of deploy.sh
# Calls of the cluster.

in_namespace() { kubectl --namespace "$namespace" "$@"; }

# Runs a kubectl command that may take long. Unlike a command in the foreground, it does not delay
# the handler of a signal until it has ended.
interruptible() {
  kubectl --namespace "$namespace" "$@" &
  wait "$!"
}

# Waits before the next look at something.
pause() {
  sleep "${POLL_SECONDS:-1}" &
  wait "$!"
}

stop_children() {
  local children
  children=$(jobs -p)
  # shellcheck disable=SC2086 # one word for each child
  [ -z "$children" ] || kill $children 2> /dev/null || true
}

# apply FILE SELECTOR: applies the objects with these labels, while this process holds the lock.
apply() {
  holds_lock || { echo "deploy: this rollout does not hold the lock any more, so nothing is applied" >&2; return 1; }
  kubectl apply -f "$1" -l "$2"
}

# Applies a release without its migration.
apply_release() {
  local rest='app.kubernetes.io/component notin (migration)'
  # Tried twice: in a first rollout the operator may reject a SpinApp whose executor it does not
  # know.
  apply "$1" "$rest" || { pause && apply "$1" "$rest"; }
}
