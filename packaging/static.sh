#!/usr/bin/env bash
# Builds a tidings that needs nothing of the machine but its kernel, and prints its path.
#
# glibc is linked in. That is safe here because nothing of it that loads libraries at run time is used: names are looked
# up by hickory-resolver, users and locales not at all. Random bytes are asked of the kernel by name, since looking the
# function up at run time finds nothing in a static binary, and an empty root has no /dev/urandom to fall back to. A target of
# its own keeps build scripts as they are.
#
#   packaging/static.sh            release, as shipped
#   packaging/static.sh --dev      the quick profile, for tests
set -euo pipefail
cd "$(dirname "$0")/.."

profile=release
if [ "${1:-}" = --dev ]; then profile=dev; fi
target=$(rustc -vV | sed -n 's/^host: //p')
case "$target" in *-linux-gnu | *-linux-musl) ;; *)
  echo "static binaries are made on Linux, not on $target" >&2
  exit 1
  ;;
esac
built="target/static"
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"" \
  cargo build --profile "$profile" --locked --bin tidings --target "$target" --target-dir "$built" >&2
folder=$profile
if [ "$profile" = dev ]; then folder=debug; fi
binary="$built/$target/$folder/tidings"
if readelf -d "$binary" | grep -q NEEDED; then
  echo "$binary still needs libraries:" >&2
  readelf -d "$binary" | grep NEEDED >&2
  exit 1
fi
echo "$binary"
