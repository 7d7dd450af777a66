#!/usr/bin/env bash
# Rolls out a release, checks it, and goes back to the last healthy release if a check fails.
#
#   k8s/deploy.sh ENVIRONMENT TAG            rolls out the release with this tag
#   k8s/deploy.sh ENVIRONMENT --back TAG     goes back to a release that was healthy here before
#   k8s/deploy.sh ENVIRONMENT --list         lists these releases, the newest first
#   k8s/deploy.sh ENVIRONMENT --render TAG   prints the manifests of a release, and changes nothing
#
# ENVIRONMENT is development, staging or production. A release is the overlay rendered with the
# images of one tag, by their digests. The cluster keeps the manifests of every healthy release, one
# config map `connectivity-release-TAG` for each, and those of the last one in
# `connectivity-release`. Going back applies them again, without a migration: `kubectl rollout undo`
# does not work here, because SpinKube's operator owns the components' Deployment and would revert
# it.
#
# Settings:
#   IMAGES             a file with the images and their digests, as k8s/publish.sh prints them
#   REGISTRY           where to look them up without that file, such as registry.example/team
#   SMOKE_CLIENT_ID, SMOKE_CLIENT_SECRET, SMOKE_CITIZEN
#                      an account with the scope `affiliation` and a citizen to ask about, for the
#                      smoke test; SMOKE=skip leaves it out
#   TIMEOUT_SECONDS    for each step that is waited for (300)
#   POLL_SECONDS       between two looks at what is waited for (1)
#   RENEW_SECONDS      between two renewals of the lock, which expires after 120 s (20)
#   KEEP_RELEASES      how many releases are kept (30)
#
# Exit codes: 0 done; 1 not rolled out, and the environment runs the last healthy release; 2 the
# environment may be unhealthy: act by hand; 64 wrong arguments; 75 another rollout is in progress;
# 129, 130 and 143 cancelled.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
timeout=${TIMEOUT_SECONDS:-300}
keep=${KEEP_RELEASES:-30}
# What a cancelled rollout applies again, if anything.
on_cancel=

# shellcheck source=k8s/deploy/cluster.sh
. "$here/deploy/cluster.sh"
# shellcheck source=k8s/deploy/lock.sh
. "$here/deploy/lock.sh"
# shellcheck source=k8s/deploy/release.sh
. "$here/deploy/release.sh"
# shellcheck source=k8s/deploy/rollout.sh
. "$here/deploy/rollout.sh"
# shellcheck source=k8s/deploy/health.sh
. "$here/deploy/health.sh"

say() { echo "==> $*"; }

# fail CODE MESSAGE
fail() {
  echo "deploy: $2" >&2
  exit "$1"
}

usage() {
  sed -n '4,7s/^# \{0,3\}//p' "$0" >&2
  exit 64
}

# Rolls out a new release.
deploy() {
  render
  current_release > "$work/previous.yaml"
  on_cancel=$work/previous.yaml
  if migrate && roll_out "$work/release.yaml"; then
    on_cancel=
    finish
    return
  fi
  on_cancel=
  restore
}

# Records the release that is healthy now.
finish() {
  record || fail 2 "$tag is healthy, but could not be recorded, so that nothing can go back to it: deploy it again"
  say "$environment runs $tag"
}

# Goes back to the last healthy release after a failed rollout.
restore() {
  local previous
  previous=$(name_of "$work/previous.yaml")
  [ -n "$previous" ] ||
    fail 2 "$tag is not healthy, and no release was healthy before: inspect the namespace $namespace"
  [ "$previous" != "$(name_of "$work/release.yaml")" ] ||
    fail 2 "$tag is not healthy, and it is itself the last healthy release: choose another one with --list and --back"
  say "$tag is not healthy: going back to the last healthy release"
  roll_out "$work/previous.yaml" ||
    fail 2 "neither $tag nor the last healthy release is healthy: choose another one with --list and --back"
  fail 1 "$tag was not healthy; the last healthy release runs again"
}

# Goes back to a release that was healthy before. If it is not healthy now, the release that was
# left is not applied again, now or by a later rollout that fails.
back() {
  recorded_release "$tag" > "$work/release.yaml"
  [ -s "$work/release.yaml" ] || fail 64 "$tag was never healthy in $environment: choose a release of --list"
  current_release > "$work/previous.yaml"
  if [ "$(name_of "$work/previous.yaml")" != "$(name_of "$work/release.yaml")" ]; then forget_current; fi
  roll_out "$work/release.yaml" || fail 2 "$tag is not healthy: choose another release of --list"
  finish
}

# Ends a cancelled rollout. A pipeline kills this process after a few seconds, so that nothing is
# waited for.
cancel() {
  trap '' HUP INT TERM
  local code=$((128 + $1))
  if [ -z "$on_cancel" ] || [ ! -s "$on_cancel" ]; then
    fail "$code" "cancelled: inspect the namespace $namespace"
  fi
  say "cancelled: applying the last healthy release again"
  apply_release "$on_cancel" || fail "$code" "cancelled, and the last healthy release could not be applied: use --back"
  fail "$code" "cancelled: the last healthy release was applied, and its health was not checked"
}

clean_up() {
  stop_children
  unlock
  rm -rf "$work"
}

environment=${1:-}
case $#:${2:-} in
  2:--list) action=list tag= ;;
  3:--back) action=back tag=$3 ;;
  3:--render) action=render tag=$3 ;;
  2:--*) usage ;;
  2:?*) action=deploy tag=$2 ;;
  *) usage ;;
esac
overlay=$here/overlays/$environment/kustomization.yaml
[ -f "$overlay" ] || fail 64 "unknown environment $environment: use development, staging or production"
# The tag is part of the name of a config map.
[[ $action = list || ($tag =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ && ${#tag} -le 128) ]] ||
  fail 64 "the tag $tag is not usable: use lower-case letters, digits, dots and hyphens"
namespace=$(sed -n 's/^namespace: *//p' "$overlay")
# With the placeholders, callers would get a wrong address, and all of them one rate limit.
if [[ $action = deploy && $environment != development ]] && grep -Eq '\.example$|=192\.0\.2\.10$' "$overlay"; then
  fail 64 "replace the placeholders of public_url and trusted_proxies in k8s/overlays/$environment"
fi

umask 077
# Created beside the overlays, because kustomize accepts relative paths only.
work=$(mktemp -d "$here/overlays/.release.XXXXXX")
trap clean_up EXIT

case $action in
  render)
    render
    cat "$work/release.yaml"
    ;;
  list) releases ;;
  *)
    check_smoke_settings
    trap 'cancel 1' HUP
    trap 'cancel 2' INT
    trap 'cancel 15' TERM
    lock
    say "$environment: $action $tag"
    "$action"
    ;;
esac
