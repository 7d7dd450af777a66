# shellcheck shell=bash
# Creates the account of the components, which may read and change records and nothing else. The entry
# point of the image sources this file when it creates the database.
docker_process_sql << SQL
CREATE USER 'connectivity'@'%' IDENTIFIED BY '${SERVICE_PASSWORD:?}';
GRANT SELECT, INSERT, UPDATE, DELETE ON \`${MARIADB_DATABASE:?}\`.* TO 'connectivity'@'%';
SQL
