#!/bin/sh
# Runs Spin with the options that were measured to be best (docs/performance.md), and lets it finish what is in work.
#
# SpinKube's operator gives the arguments (`up --listen … -f …`) and has no field for options of our own. Spin ends at once
# at SIGTERM; Kubernetes sends that while requests still arrive. So it is passed on only after SPIN_DRAIN_SECONDS, which
# must be less than the pod's grace time (30 s).
set -u

if [ "${1:-}" != up ]; then
  exec spin "$@"
fi

spin "$@" \
  --max-instance-concurrent-reuse-count 4 \
  --max-instance-reuse-count 5000 \
  --idle-instance-timeout 30s &
spin=$!
pause=

# shellcheck disable=SC2329 # the trap calls it
drain() {
  trap '' TERM INT
  sleep "${SPIN_DRAIN_SECONDS:-15}" &
  pause=$!
  wait "$pause"
  kill -TERM "$spin" 2> /dev/null
}
trap drain TERM INT

# A signal ends `wait`; the second one waits for Spin itself.
wait "$spin"
status=$?
if [ -n "$pause" ]; then
  wait "$spin"
  # Ended because it was asked to.
  exit 0
fi
exit "$status"
