#!/usr/bin/env bash
# Makes the secrets of compose.yaml in packaging/compose/secrets, once. What is there stays.
#
# Compose gives a container a secret as the file that it is, with its owner and mode: the keys belong to the image's user
# (65532), so run this as root or with sudo. Without it they belong to you, and the server refuses a key that
# it cannot read or that others can.
#
# TIDINGS is the command that makes the operator's key: `tidings` on the PATH, or once the image is built
#   TIDINGS="docker run --rm tidings" packaging/compose/secrets.sh
set -euo pipefail
cd "$(dirname "$0")"
umask 077
read -ra tidings <<<"${TIDINGS:-tidings}"
user=65532
mkdir -p secrets
if ! command -v "${tidings[0]}" >/dev/null; then
  echo "there is no ${tidings[0]} here (with sudo: on root's PATH); say in TIDINGS how to run it, nothing was made" >&2
  exit 1
fi
# A secret gets its name when it is whole.
keep() { cat >"secrets/$1.new" && [ -s "secrets/$1.new" ] && mv "secrets/$1.new" "secrets/$1"; }
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
if [ ! -e secrets/master.key ]; then random | keep master.key; fi
if [ ! -e secrets/operator.key ]; then "${tidings[@]}" key generate --scope operator | keep operator.key; fi
if [ ! -e secrets/postgres.password ]; then
  password=$(random)
  echo "TIDINGS_DATABASE_URL=postgres://tidings:$password@database:5432/tidings?sslmode=disable" | keep database.env
  echo -n "$password" | keep postgres.password
fi
if [ "$(id -u)" -eq 0 ]; then chown "$user" secrets/master.key secrets/operator.key; else
  echo "now: sudo chown $user $PWD/secrets/master.key $PWD/secrets/operator.key" >&2
fi
# The database's image reads its password as a user of its own.
chmod 0444 secrets/postgres.password
