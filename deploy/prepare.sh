#!/bin/sh
# Run this before the first start of the Procfile. It makes an empty database in $POSTGRES_FOLDER, and certificates in
# $EIGENWAVE_TLS.
set -eu
if [ ! -e "$POSTGRES_FOLDER/PG_VERSION" ]; then
  password="$(mktemp)"
  trap 'rm -f "$password"' EXIT
  printf '%s\n' "$POSTGRES_PASSWORD" > "$password"
  initdb -D "$POSTGRES_FOLDER" --username prefect --pwfile "$password" --auth scram-sha-256 --encoding UTF8 --no-locale > /dev/null
  echo 'CREATE DATABASE prefect' | postgres --single -D "$POSTGRES_FOLDER" postgres > /dev/null
fi
"$(dirname "$0")/certificates.sh" "$EIGENWAVE_TLS"
