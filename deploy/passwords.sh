#!/bin/sh
# Makes the passwords of docker-compose.yml in .env beside it, for you alone: each that is missing, by chance. One that is
# there is never changed, so run anew it changes nothing. (PostgreSQL keeps the first of them that it was started with.)
set -eu
umask 077
file="$(cd "$(dirname "$0")/.." && pwd)/.env"

if [ -e "$file" ] && [ -n "$(find "$file" -perm /077)" ]; then
  echo "$file can be used by others: chmod 600 $file, and change the passwords in it if anybody else uses this machine" >&2
  exit 1
fi
touch "$file"
# A last line without an end would swallow the first that is added.
if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
  echo >>"$file"
fi
for name in POSTGRES_PASSWORD POSTGRES_INSTAR_PASSWORD POSTGRES_TEMPORAL_PASSWORD; do
  if grep -q "^$name=." "$file"; then
    echo "$name is there already"
    continue
  fi
  if grep -q "^$name=" "$file"; then
    echo "$name is empty in $file: remove that line" >&2
    exit 1
  fi
  password=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  [ "${#password}" -eq 64 ] || { echo "/dev/urandom gave no password" >&2; exit 1; }
  echo "$name=$password" >>"$file"
  echo "$name was made"
done
