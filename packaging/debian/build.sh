#!/usr/bin/env bash
# Makes a Debian package of a built binary with dpkg-deb alone, and prints its path.
#
#   packaging/debian/build.sh BINARY OUTPUT-FOLDER [VERSION]
#
# Give it the static binary (packaging/static.sh) and the package needs no other; with another one it depends on the libc
# it was built against. TIDINGS_DEB_COMPRESSION (xz) may be gzip, which is quicker.
set -euo pipefail
binary=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=${3:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")}
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree="$work/tree"

install -D -m 0755 "$binary" "$tree/usr/bin/tidings"
strip --strip-unneeded "$tree/usr/bin/tidings"
install -D -m 0644 "$here/tidings.service" "$tree/usr/lib/systemd/system/tidings.service"
install -D -m 0644 "$here/sysusers.conf" "$tree/usr/lib/sysusers.d/tidings.conf"
install -D -m 0640 "$here/tidings.toml" "$tree/etc/tidings/tidings.toml"
install -D -m 0644 "$here/copyright" "$tree/usr/share/doc/tidings/copyright"
install -d "$tree/usr/share/man/man1" "$tree/usr/share/lintian/overrides"
gzip -9n <"$here/tidings.1" >"$tree/usr/share/man/man1/tidings.1.gz"
printf 'tidings (%s) stable; urgency=medium\n\n  * See /usr/share/doc/tidings/CHANGELOG.md.gz.\n\n -- Tidings <tidings@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n' \
  "$version" | gzip -9n >"$tree/usr/share/doc/tidings/changelog.gz"
gzip -9n <"$root/CHANGELOG.md" >"$tree/usr/share/doc/tidings/CHANGELOG.md.gz"

depends="adduser"
if readelf -d "$binary" | grep -q NEEDED; then
  libc=$(dpkg-query -W -f '${Version}' libc6 2>/dev/null | sed 's/-.*//')
  depends+=", libc6 (>= ${libc:-2.36}), libgcc-s1"
else
  echo "tidings: statically-linked-binary [usr/bin/tidings]" >"$tree/usr/share/lintian/overrides/tidings"
fi
rmdir --ignore-fail-on-non-empty "$tree/usr/share/lintian/overrides" "$tree/usr/share/lintian"

install -d "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: tidings
Version: $version
Architecture: $arch
Maintainer: Tidings <tidings@localhost>
Section: net
Priority: optional
Depends: $depends
Recommends: ca-certificates
Installed-Size: $(du -ks --exclude=DEBIAN "$tree" | cut -f1)
Description: self-hosted server that sends webhooks
 Tidings sends webhooks that are signed, retried on time and found in the log.
 It is one binary with an embedded store; several nodes share a PostgreSQL.
CONTROL
echo /etc/tidings/tidings.toml >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$tree/DEBIAN/$script"; done
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 0644 "$tree/DEBIAN/control" "$tree/DEBIAN/conffiles" "$tree/DEBIAN/md5sums"

mkdir -p "$out"
deb="$out/tidings_${version}_$arch.deb"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} dpkg-deb --root-owner-group "-Z${TIDINGS_DEB_COMPRESSION:-xz}" --build "$tree" "$deb" >&2
echo "$deb"
