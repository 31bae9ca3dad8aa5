#!/usr/bin/env bash
# The supply-chain checks bite: a banned crate, a banned licence and a crate from a git repository each fail them.
#
#   tests/supply_chain.sh CARGO_DENY…    the words to run cargo-deny with
#
# Each is planted in a package of its own, with the repository's deny.toml. An advisory cannot be planted without the
# advisory database.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/tidings-planted-XXXXXX")
trap 'rm -rf "$folder"' EXIT

# A package with one dependency, and what must be said of it.
plant() {
  local name=$1 dependency=$2 check=$3 said=$4
  shift 4
  mkdir -p "$folder/$name/src"
  printf '[package]\nname = "planted"\nversion = "0.1.0"\nedition = "2024"\nlicense = "MIT"\npublish = false\n[dependencies]\n%s\n' \
    "$dependency" >"$folder/$name/Cargo.toml"
  : >"$folder/$name/src/lib.rs"
  cp "$root/deny.toml" "$root/rust-toolchain.toml" "$folder/$name/"
  if (cd "$folder/$name" && "$@" check "$check") >"$folder/$name.log" 2>&1; then
    echo "planted $name, and nothing was said of it" >&2
    return 1
  fi
  grep -q "$said" "$folder/$name.log" || {
    echo "planted $name, and something else was said:" >&2
    cat "$folder/$name.log" >&2
    return 1
  }
  echo "planted $name: refused"
}

mkdir -p "$folder/elsewhere/src"
printf '[package]\nname = "elsewhere"\nversion = "0.1.0"\nedition = "2024"\nlicense = "MIT"\n' >"$folder/elsewhere/Cargo.toml"
: >"$folder/elsewhere/src/lib.rs"
git -C "$folder/elsewhere" init --quiet
git -C "$folder/elsewhere" add .
git -C "$folder/elsewhere" -c user.name=test -c user.email=test@example.com commit --quiet -m planted

plant "a banned crate" 'ring = "0.17"' bans 'error\[banned\]' "$@"
plant "a banned licence" 'gnuplot = "0.0.46"' licenses 'error\[rejected\]' "$@"
plant "a crate from git" "elsewhere = { git = \"file://$folder/elsewhere\" }" sources 'error\[source-not-allowed\]' "$@"
