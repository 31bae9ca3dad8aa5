#!/usr/bin/env bash
# A PostgreSQL of the tests' own, with durable settings: own directory, own port, gone when it is stopped.
#
#   tests/postgres/cluster.sh start DIRECTORY   makes and starts it, and prints its URL; its certificate is
#                                               DIRECTORY/server.crt, for the name localhost
#   tests/postgres/cluster.sh stop DIRECTORY    stops it and removes the directory
#   tests/postgres/cluster.sh crash DIRECTORY   ends it as a power cut would
#   tests/postgres/cluster.sh again DIRECTORY   starts one that was ended
#   tests/postgres/cluster.sh standby DIRECTORY OF   makes a standby of the one in OF, from then on synchronous, and
#                                               prints its URL
#   tests/postgres/cluster.sh promote DIRECTORY makes a standby the primary
#
# The server refuses to run as root, so root runs it as the user `postgres`, which Debian's package makes.
set -euo pipefail

bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
export PATH="${bin:+$bin:}$PATH"

as_owner() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && setpriv --reuid postgres --regid postgres --init-groups -- "$@")
  else
    "$@"
  fi
}

# Below the ports that a system gives to those who dial.
free_port() {
  local port
  # From a place of one's own on, since others look at the same time.
  for port in $(seq $((25432 + $$ % 100)) 25531) $(seq 25432 25531); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  echo "no free port from 25432 to 25531" >&2
  return 1
}

start() {
  local directory=$1 port
  port=$(free_port)
  mkdir -p "$directory"
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$directory"; fi
  as_owner initdb -D "$directory/data" -U tidings -A trust -E UTF8 --locale=C.UTF-8 >"$directory/initdb.log" 2>&1 || {
    cat "$directory/initdb.log" >&2
    return 1
  }
  cat >>"$directory/data/postgresql.conf" <<SETTINGS
port = $port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$directory'
max_connections = 300
shared_buffers = 256MB
max_wal_size = 2GB
ssl = on
ssl_cert_file = '$directory/server.crt'
ssl_key_file = '$directory/server.key'
SETTINGS
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout "$directory/server.key" -out "$directory/server.crt" 2>/dev/null
  chmod 600 "$directory/server.key"
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$directory"/server.*; fi
  launch "$directory"
  port=$(port_of "$directory")
  as_owner createdb -h 127.0.0.1 -p "$port" -U tidings tidings
  url_of "$port"
}

port_of() { sed -n 's/^port = //p' "$1/data/postgresql.conf" | tail -n 1; }

# Starts it; with another port where somebody was quicker.
launch() {
  local directory=$1 tries
  for tries in 1 2 3 4 5; do
    if as_owner pg_ctl -D "$directory/data" -l "$directory/server.log" -w -t 60 start >/dev/null; then return; fi
    grep -q 'Address already in use' "$directory/server.log" || break
    echo "port = $(free_port)" >>"$directory/data/postgresql.conf"
  done
  echo "after $tries tries:" >&2
  tail -n 20 "$directory/server.log" >&2
  return 1
}

stop() {
  as_owner pg_ctl -D "$1/data" -m immediate -w stop >/dev/null || true
  rm -rf "$1"
}

crash() { as_owner pg_ctl -D "$1/data" -m immediate -w stop >/dev/null; }

again() {
  as_owner pg_ctl -D "$1/data" -l "$1/server.log" -w -t 60 start >/dev/null || {
    tail -n 20 "$1/server.log" >&2
    return 1
  }
}

url_of() { echo "postgres://tidings@127.0.0.1:$1/tidings?sslmode=disable"; }

standby() {
  local directory=$1 primary=$2 port from
  port=$(free_port)
  from=$(port_of "$primary")
  mkdir -p "$directory"
  if [ "$(id -u)" -eq 0 ]; then chown postgres "$directory"; fi
  as_owner pg_basebackup -D "$directory/data" -R -h 127.0.0.1 -p "$from" -U tidings --checkpoint=fast --wal-method=stream
  as_owner cp "$primary"/server.crt "$primary"/server.key "$directory"
  as_owner sed -i "s|^port = .*|port = $port|; s|'$primary|'$directory|" "$directory/data/postgresql.conf"
  again "$directory"
  as_owner psql -q -h 127.0.0.1 -p "$from" -U tidings -d postgres \
    -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c 'SELECT pg_reload_conf()' >/dev/null
  url_of "$port"
}

promote() {
  as_owner pg_ctl -D "$1/data" -w promote >/dev/null
  # It has no standby of its own to wait for.
  local port
  port=$(port_of "$1")
  as_owner psql -q -h 127.0.0.1 -p "$port" -U tidings -d postgres \
    -c "ALTER SYSTEM SET synchronous_standby_names = ''" -c 'SELECT pg_reload_conf()' >/dev/null
}

case "${1:-}" in
  start | stop | crash | again | promote) "$1" "${2:?a directory}" ;;
  standby) standby "${2:?a directory}" "${3:?the directory of the primary}" ;;
  *)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
