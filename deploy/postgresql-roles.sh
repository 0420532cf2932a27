#!/bin/sh
# Gives Instar and Temporal a role each in PostgreSQL, that owns its own databases, may connect to no other and is nothing
# more; run anew it changes nothing but passwords that are others in the environment now.
#
# PGHOST, PGPORT: where the server is. POSTGRES_PASSWORD: of its superuser `postgres`, who is used for nothing else.
# POSTGRES_INSTAR_PASSWORD, POSTGRES_TEMPORAL_PASSWORD: of the roles.
#
# A server of a release before this one has the superuser `temporal`, as whom everything ran. It is renamed, and what was
# made by it goes to the roles, with all that is in it. Killed anywhere, this goes on where it was.
set -eu
: "${PGHOST:?}" "${POSTGRES_PASSWORD:?}" "${POSTGRES_INSTAR_PASSWORD:?}" "${POSTGRES_TEMPORAL_PASSWORD:?}"

as() { # as ROLE DATABASE [options of psql]: reads statements
  role=$1
  database=$2
  shift 2
  PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=10 psql --no-psqlrc --no-password --quiet --tuples-only --no-align \
    --set ON_ERROR_STOP=1 --username "$role" --dbname "$database" "$@"
}

lets_in() {
  echo "SELECT 1" | as "$1" postgres >/dev/null 2>&1
}

if ! lets_in postgres; then
  if ! lets_in temporal; then
    echo "SELECT 1" | as postgres postgres >/dev/null || true
    echo "PostgreSQL at $PGHOST does not let its superuser in. It keeps the password that it was first started with: put that one" \
      "into .env as POSTGRES_PASSWORD, and start again" >&2
    exit 1
  fi
  # Nobody renames himself.
  as temporal postgres <<'SQL'
SELECT 'CREATE ROLE instar_renaming' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'instar_renaming') \gexec
\getenv password POSTGRES_PASSWORD
ALTER ROLE instar_renaming SUPERUSER LOGIN PASSWORD :'password';
SQL
  echo "ALTER ROLE temporal RENAME TO postgres" | as instar_renaming postgres
  echo "the superuser temporal is called postgres now"
fi

as postgres postgres <<'SQL'
DROP ROLE IF EXISTS instar_renaming;

SELECT format('CREATE ROLE %I', name) FROM (VALUES ('instar'), ('temporal')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
\getenv password POSTGRES_INSTAR_PASSWORD
ALTER ROLE instar LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
\getenv password POSTGRES_TEMPORAL_PASSWORD
ALTER ROLE temporal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('instar', 'instar'), ('temporal', 'temporal'), ('temporal_visibility', 'temporal')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
ALTER DATABASE instar OWNER TO instar;
ALTER DATABASE temporal OWNER TO temporal;
ALTER DATABASE temporal_visibility OWNER TO temporal;

-- Everybody may connect to a database, and make temporary tables in it, until that is taken away.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database \gexec
SQL

# What the superuser made there in earlier releases. Extensions stay his, with what belongs to them.
for database in instar temporal temporal_visibility; do
  owner=${database%_visibility}
  as postgres "$database" --set "owner=$owner" <<'SQL'
SELECT format('ALTER %s %I.%I OWNER TO %I',
  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
  n.nspname, c.relname, :'owner')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(c.relowner) <> :'owner'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
-- A sequence of a column goes with its table: after that nothing is left to be changed of it.
ORDER BY c.relkind = 'S' \gexec

SELECT format('ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, :'owner')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND pg_get_userbyid(p.proowner) <> :'owner'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') \gexec

SELECT format('ALTER TYPE %I.%I OWNER TO %I', n.nspname, t.typname, :'owner')
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = 'public' AND pg_get_userbyid(t.typowner) <> :'owner'
  AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND EXISTS (
    SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') \gexec
SQL
done
echo "PostgreSQL has the roles instar and temporal, each with its own databases"
