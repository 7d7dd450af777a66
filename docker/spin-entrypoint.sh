#!/bin/sh
# Runs Spin with the options that performed best (docs/performance.md), and delays its shutdown.
#
# SpinKube's operator sets the arguments (`up --listen … -f …`) and has no field for further
# options. Spin exits immediately on SIGTERM, which Kubernetes sends while requests still arrive.
# The signal is therefore forwarded after SPIN_DRAIN_SECONDS, which must be less than the pod's
# termination grace period (30 s).
set -u

if [ "${1:-}" != up ]; then
  exec spin "$@"
fi

spin=
pause=

# shellcheck disable=SC2329 # called by the trap
drain() {
  trap '' TERM INT
  spin=${spin:-${!:-}}
  [ -n "$spin" ] || exit 0
  sleep "${SPIN_DRAIN_SECONDS:-15}" &
  pause=$!
  wait "$pause"
  kill -TERM "$spin" 2> /dev/null
}
# Before Spin is started, which would otherwise survive a signal that arrives at once.
trap drain TERM INT

spin "$@" \
  --max-instance-concurrent-reuse-count 4 \
  --max-instance-reuse-count 5000 \
  --idle-instance-timeout 30s &
spin=$!

# A signal interrupts `wait`; the second `wait` waits for Spin itself.
wait "$spin"
status=$?
if [ -n "$pause" ]; then
  wait "$spin"
  # Spin exited because it was asked to.
  exit 0
fi
exit "$status"
