#!/bin/sh
# Make a certificate for the users of a Dask scheduler: certificates.sh FOLDER [DAYS]
# The holder of tls.key can run any code on the workers, so protect the folder like an SSH key.
set -eu
folder="$1" days="${2:-365}"
if [ -e "$folder/tls.key" ]; then exit; fi
umask 077
mkdir -p "$folder"
openssl req -x509 -newkey rsa:3072 -nodes -days "$days" -subj /CN=eigenwave \
  -keyout "$folder/new.key" -out "$folder/tls.crt" 2> /dev/null
cp "$folder/tls.crt" "$folder/ca.crt"
mv "$folder/new.key" "$folder/tls.key"
