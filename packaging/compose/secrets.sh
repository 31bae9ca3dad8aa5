#!/usr/bin/env bash
# Makes the secrets of compose.yaml in packaging/compose/secrets, once. What is there stays.
#
# Compose gives a container a secret as the file that it is, with its owner and mode: the keys belong to the image's user
# (65532), so run this as root or with sudo. Without it they belong to you, and the server refuses a master key that
# it cannot read or that others can.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
tidings=${TIDINGS:-tidings}
user=65532
mkdir -p secrets
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
if [ ! -e secrets/master.key ]; then random >secrets/master.key; fi
if [ ! -e secrets/operator.key ]; then "$tidings" key generate --scope operator >secrets/operator.key; fi
if [ ! -e secrets/postgres.password ]; then
  random >secrets/postgres.password
  echo "TIDINGS_DATABASE_URL=postgres://tidings:$(cat secrets/postgres.password)@database:5432/tidings?sslmode=disable" >secrets/database.env
fi
if [ "$(id -u)" -eq 0 ]; then chown "$user" secrets/master.key secrets/operator.key; else
  echo "now: sudo chown $user $PWD/secrets/master.key $PWD/secrets/operator.key" >&2
fi
# The database's image reads its password as a user of its own.
chmod 0444 secrets/postgres.password
