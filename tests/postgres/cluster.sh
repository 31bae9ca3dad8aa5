#!/usr/bin/env bash
# A PostgreSQL of the tests' own, with durable settings: own directory, own port, gone when it is stopped.
#
#   tests/postgres/cluster.sh start DIRECTORY   makes and starts it, and prints its URL
#   tests/postgres/cluster.sh stop DIRECTORY    stops it and removes the directory
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

free_port() {
  local port
  for port in $(seq 55432 55531); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  echo "no free port from 55432 to 55531" >&2
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
max_prepared_transactions = 0
SETTINGS
  as_owner pg_ctl -D "$directory/data" -l "$directory/server.log" -w -t 60 start >/dev/null
  as_owner createdb -h 127.0.0.1 -p "$port" -U tidings tidings
  echo "postgres://tidings@127.0.0.1:$port/tidings"
}

stop() {
  as_owner pg_ctl -D "$1/data" -m immediate -w stop >/dev/null || true
  rm -rf "$1"
}

case "${1:-}" in
  start | stop) "$1" "${2:?a directory}" ;;
  *)
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
