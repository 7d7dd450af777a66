#!/usr/bin/env bash
# Sets the pipelines' variables and secrets in the current folder's repository, with `gh`.
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
  *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 64 ;;
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

# variable NAME VALUE
variable() {
  if [ -z "$2" ]; then
    echo "  variable $1: unchanged"
  elif [ -n "$apply" ]; then
    gh variable set "$1" --body "$2"
  else
    echo "  would set variable $1 = $2"
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

registry=$(ask "Image registry, host and path, such as registry.example/team")
username=$(ask "Account that may push to the image registry")
password=$(ask_secret "Password or token of that account")
organization=$(ask "SonarCloud organization (leave empty to disable SonarCloud)")
project=${organization:+$(ask "SonarCloud project key" "${organization}_connectivity")}
sonar=${organization:+$(ask_secret "SonarCloud token")}

variable REGISTRY "$registry"
secret REGISTRY_USERNAME "$username"
secret REGISTRY_PASSWORD "$password"
variable SONAR_ORGANIZATION "$organization"
variable SONAR_PROJECT_KEY "$project"
secret SONAR_TOKEN "$sonar"

for environment in development staging production; do
  file=$(ask "Path of a kubeconfig file for $environment (leave empty to keep the current one)")
  content=
  if [ -n "$file" ]; then content=$(cat "$file"); fi
  if [ -n "$content" ] && [ -n "$apply" ]; then
    gh api --silent --method PUT "repos/{owner}/{repo}/environments/$environment"
  fi
  secret KUBE_CONFIG "$content" "$environment"
done

[ -n "$apply" ] || echo "Nothing was changed. Run it with --apply to set the values."
echo "Next, protect the environment production in the repository's settings: rollouts then need an approval."
