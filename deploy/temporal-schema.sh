#!/bin/sh
# Makes and upgrades Temporal's two databases; run anew it changes nothing. The tool reads SQL_PASSWORD itself.
set -eu

tool() {
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$@"
}

prepare() {
  database=$1
  versions="/etc/temporal/schema/postgresql/v12/$2/versioned"
  # Fails where the database exists; what is really wrong shows at the next command.
  tool "$database" create || echo "the database $database may be there already"
  # `setup-schema` is for an empty database only: on a full one it would set its version back.
  tool "$database" update-schema -d "$versions" || {
    tool "$database" setup-schema -v 0.0
    tool "$database" update-schema -d "$versions"
  }
}

prepare temporal temporal
prepare temporal_visibility visibility
