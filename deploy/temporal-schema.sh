#!/bin/sh
# Makes and upgrades the tables in Temporal's two databases, as the role that owns them (deploy/postgresql-roles.sh makes
# both); run anew it changes nothing. The tool reads SQL_PASSWORD itself.
set -eu

tool() {
  temporal-sql-tool --plugin postgres12 --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$@"
}

prepare() {
  database=$1
  versions="/etc/temporal/schema/postgresql/v12/$2/versioned"
  # `setup-schema` is for an empty database only: on a full one, or one that was away for a moment, it would set the version
  # back. An empty one is known by what PostgreSQL says of it.
  if said=$(tool "$database" update-schema -d "$versions" 2>&1); then
    echo "$said"
    return
  fi
  case "$said" in
    *schema_version*"does not exist"*) ;;
    *)
      echo "$said" >&2
      echo "the tables in $database are as they were; this is tried again a few times, then: docker compose up --detach" >&2
      exit 1
      ;;
  esac
  tool "$database" setup-schema -v 0.0
  tool "$database" update-schema -d "$versions"
}

prepare temporal temporal
prepare temporal_visibility visibility
