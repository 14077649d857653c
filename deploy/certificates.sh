#!/bin/sh
# A certificate for everybody who may use a Dask scheduler, and nobody else: certificates.sh FOLDER [DAYS]
# Whoever has tls.key can run what he likes on the workers: keep the folder as you keep an SSH key.
set -eu
folder="$1" days="${2:-365}"
if [ -e "$folder/tls.key" ]; then exit; fi
umask 077
mkdir -p "$folder"
openssl req -x509 -newkey rsa:3072 -nodes -days "$days" -subj /CN=eigenwave \
  -keyout "$folder/new.key" -out "$folder/tls.crt" 2> /dev/null
cp "$folder/tls.crt" "$folder/ca.crt"
mv "$folder/new.key" "$folder/tls.key"
