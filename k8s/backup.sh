#!/usr/bin/env bash
# Backs up the database, restores a backup, and compares two databases (docs/recovery.md).
#
#   k8s/backup.sh dump FILE             writes DATABASE to FILE, compressed, for its owner alone
#   k8s/backup.sh restore FILE          restores FILE into DATABASE, which must be empty
#   k8s/backup.sh compare DATABASE      compares every table of DATABASE with the one in that database
#
# DATABASE is connectivity if it is not set. DEFAULTS_FILE is an option file of MariaDB's clients with
# the server and the account: "[client]", then host, port, user and password. The account needs SELECT
# and LOCK TABLES to dump, and may create tables to restore.
#
# Exit codes: 0 done; 1 failed, or the databases differ; 64 wrong arguments.
set -euo pipefail

command=${1:-}
argument=${2:-}
[ -n "$argument" ] || {
  echo "usage: backup.sh dump FILE | restore FILE | compare DATABASE" >&2
  exit 64
}
database=${DATABASE:-connectivity}
defaults=${DEFAULTS_FILE:?"set DEFAULTS_FILE to an option file with host, port, user and password"}

query() { mariadb --defaults-extra-file="$defaults" --skip-column-names --batch --execute "$1"; }
tables() { query "SELECT table_name FROM information_schema.tables WHERE table_schema = '$1' ORDER BY table_name"; }

# One checksum of the content of each table.
checksums() {
  local table
  for table in $(tables "$1"); do
    query "CHECKSUM TABLE \`$1\`.\`$table\` EXTENDED" | sed "s/^$1\\.//"
  done
}

case $command in
  dump)
    umask 077
    trap 'rm -f "$argument.part"' EXIT
    # One transaction, so that the tables fit each other and no request waits. The last line is missing
    # if the dump was cut off.
    if mariadb-dump --defaults-extra-file="$defaults" --default-character-set=utf8mb4 \
      --single-transaction --quick --hex-blob "$database" | gzip > "$argument.part" &&
      gunzip --stdout "$argument.part" | tail -n 1 | grep --quiet '^-- Dump completed'; then
      mv "$argument.part" "$argument"
    else
      echo "backup: $database was not dumped completely, and $argument was not written: run the command again" >&2
      exit 1
    fi
    ;;
  restore)
    if [ -n "$(tables "$database")" ]; then
      echo "backup: $database has tables: create an empty database, and set DATABASE to its name" >&2
      exit 1
    fi
    gunzip --stdout "$argument" | mariadb --defaults-extra-file="$defaults" --default-character-set=utf8mb4 "$database"
    ;;
  compare)
    mine=$(checksums "$database")
    other=$(checksums "$argument")
    if [ -z "$mine" ] || [ "$mine" != "$other" ]; then
      echo "backup: $database and $argument differ:" >&2
      diff <(echo "$mine") <(echo "$other") >&2 || true
      exit 1
    fi
    echo "$(wc -l <<< "$mine") tables are equal"
    ;;
  *)
    echo "backup: $command is unknown: use dump, restore or compare" >&2
    exit 64
    ;;
esac
