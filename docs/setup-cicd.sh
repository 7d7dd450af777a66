#!/usr/bin/env bash
# Sets the variables and secrets that the pipelines need, by `gh`, in the repository of the current folder.
#
#   docs/setup-cicd.sh           asks, and shows what it would do
#   docs/setup-cicd.sh --apply   asks, and does it
#
# Secrets are read without being shown and given to gh by its standard input: they are in no argument and no file.
set -euo pipefail

apply=
case "${1:-}" in
  --apply) apply=yes ;;
  "") ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
if [ -n "$apply" ]; then
  command -v gh > /dev/null || { echo "setup-cicd: needs gh (https://cli.github.com)" >&2; exit 69; }
  gh auth status > /dev/null
fi

ask() {
  local answer
  read -r -p "$1${2:+ [$2]}: " answer
  printf '%s' "${answer:-${2:-}}"
}

ask_secret() {
  local answer
  read -r -s -p "$1 (not shown; empty: leave as it is): " answer
  echo >&2
  printf '%s' "$answer"
}

# variable NAME VALUE
variable() {
  if [ -z "$2" ]; then
    echo "  variable $1: left as it is"
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
    echo "  secret $1${3:+ of $3}: left as it is"
  elif [ -n "$apply" ]; then
    printf '%s' "$2" | gh secret set "$1" "${where[@]}"
  else
    echo "  would set secret $1${3:+ of $3} (${#2} characters)"
  fi
}

registry=$(ask "Image registry, host and path, such as registry.example/team")
username=$(ask "An account that may push there")
password=$(ask_secret "Its password or token")
organization=$(ask "SonarCloud organization (empty: no Sonar)")
project=${organization:+$(ask "SonarCloud project key" "${organization}_connectivity")}
sonar=${organization:+$(ask_secret "SonarCloud token")}

variable REGISTRY "$registry"
secret REGISTRY_USERNAME "$username"
secret REGISTRY_PASSWORD "$password"
variable SONAR_ORGANIZATION "$organization"
variable SONAR_PROJECT_KEY "$project"
secret SONAR_TOKEN "$sonar"

for environment in development staging production; do
  file=$(ask "A kubeconfig for $environment (a file; empty: leave as it is)")
  content=
  if [ -n "$file" ]; then content=$(cat "$file"); fi
  if [ -n "$content" ] && [ -n "$apply" ]; then
    gh api --silent --method PUT "repos/{owner}/{repo}/environments/$environment"
  fi
  secret KUBE_CONFIG "$content" "$environment"
done

[ -n "$apply" ] || echo "Nothing was changed: --apply does it."
echo "Then protect the environment production in the repository's settings."
