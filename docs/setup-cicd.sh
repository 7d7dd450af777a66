#!/usr/bin/env bash
# Sets the pipelines' environments, variables and secrets in the current folder's repository, with
# `gh`. The environments restrict who may use their secrets: the branch, and for production a
# reviewer other than the author.
#
#   docs/setup-cicd.sh           asks for the values and shows what it would set
#   docs/setup-cicd.sh --apply   asks for the values and sets them
#
# Secrets are read without echo and passed to gh through standard input.
set -euo pipefail

apply=
case "${1:-}" in
  --apply) apply=yes ;;
  "") ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
if [ -n "$apply" ]; then
  command -v gh > /dev/null || { echo "setup-cicd: gh is not installed (https://cli.github.com)" >&2; exit 69; }
  gh auth status > /dev/null
fi

ask() {
  local answer
  read -r -p "$1${2:+ [$2]}: " answer
  printf '%s' "${answer:-${2:-}}"
}

ask_secret() {
  local answer
  read -r -s -p "$1 (not shown; leave empty to keep the current one): " answer
  echo >&2
  printf '%s' "$answer"
}

# variable NAME VALUE [ENVIRONMENT]
variable() {
  local where=()
  [ -z "${3:-}" ] || where=(--env "$3")
  if [ -z "$2" ]; then
    echo "  variable $1${3:+ of $3}: unchanged"
  elif [ -n "$apply" ]; then
    gh variable set "$1" --body "$2" "${where[@]}"
  else
    echo "  would set variable $1${3:+ of $3} = $2"
  fi
}

# secret NAME VALUE [ENVIRONMENT]
secret() {
  local where=()
  [ -z "${3:-}" ] || where=(--env "$3")
  if [ -z "$2" ]; then
    echo "  secret $1${3:+ of $3}: unchanged"
  elif [ -n "$apply" ]; then
    printf '%s' "$2" | gh secret set "$1" "${where[@]}"
  else
    echo "  would set secret $1${3:+ of $3} (${#2} characters)"
  fi
}

# environment NAME REVIEWER POLICY…: restricts an environment. A policy is branch:PATTERN or
# tag:PATTERN. REVIEWER may be empty.
environment() {
  local api="repos/{owner}/{repo}/environments/$1" reviewers='[]' policy present
  if [ -z "$apply" ]; then
    echo "  would restrict environment $1 to ${*:3}${2:+, reviewed by $2}"
    return
  fi
  if [ -n "$2" ]; then reviewers="[{\"type\": \"User\", \"id\": $(gh api "users/$2" --jq .id)}]"; fi
  gh api --silent --method PUT "$api" --input - <<BODY
{"prevent_self_review": true, "reviewers": $reviewers,
 "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true}}
BODY
  present=$(gh api --paginate "$api/deployment-branch-policies" --jq '.branch_policies[] | "\(.type):\(.name)"')
  for policy in "${@:3}"; do
    grep -Fxq "$policy" <<< "$present" ||
      gh api --silent --method POST "$api/deployment-branch-policies" -f "name=${policy#*:}" -f "type=${policy%%:*}"
  done
}

registry=$(ask "Image registry, host and path, such as registry.example/team")
username=$(ask "Account that may push to the image registry (leave empty for ghcr.io: the pipeline's own token is used)")
password=${username:+$(ask_secret "Password or token of that account")}
organization=$(ask "SonarCloud organization (leave empty to disable SonarCloud)")
project=${organization:+$(ask "SonarCloud project key" "${organization}_connectivity")}
sonar=${organization:+$(ask_secret "SonarCloud token")}

variable REGISTRY "$registry"
secret REGISTRY_USERNAME "$username"
secret REGISTRY_PASSWORD "$password"
variable SONAR_ORGANIZATION "$organization"
variable SONAR_PROJECT_KEY "$project"
secret SONAR_TOKEN "$sonar"

reviewer=$(ask "GitHub user who approves rollouts to production (required)")
[ -n "$reviewer" ] || { echo "setup-cicd: production needs a reviewer" >&2; exit 64; }
environment publishing "" branch:main branch:develop "branch:feature/**"
environment release "" "tag:v*"
environment development "" branch:develop "branch:feature/**"
environment staging "" branch:main
environment production "$reviewer" branch:main

for environment in development staging production; do
  echo "Access to the cluster of $environment: with tokens of the pipeline (docs/deployment.md), or a kubeconfig file."
  server=$(ask "Address of the API server, for tokens of the pipeline (leave empty otherwise)")
  variable KUBE_SERVER "$server" "$environment"
  if [ -n "$server" ]; then
    file=$(ask "Path of its certificate authority (PEM)")
    variable KUBE_CA "${file:+$(cat "$file")}" "$environment"
  else
    file=$(ask "Path of a kubeconfig file (leave empty to keep the current one)")
    secret KUBE_CONFIG "${file:+$(cat "$file")}" "$environment"
  fi
  secret SMOKE_CLIENT_ID "$(ask "Account of the smoke test, with the scope affiliation")" "$environment"
  secret SMOKE_CLIENT_SECRET "$(ask_secret "Its secret")" "$environment"
  variable SMOKE_CITIZEN "$(ask "Id of a citizen that the smoke test asks about")" "$environment"
done

[ -n "$apply" ] || echo "Nothing was changed. Run it with --apply to set the values."
