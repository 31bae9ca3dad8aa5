#!/usr/bin/env bash
# Generates what is generated of the clients, from clients/openapi.json: into the repository, or into FOLDER.
#
#   clients/generate.sh [FOLDER]
#
# `./test deps` installs the generators, by pinned version.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
into=${1:-$here}
deps=${TIDINGS_TEST_DEPS:-$here/../target/test-deps}
python="$deps/clients/bin"
typescript="$deps/typescript/node_modules/.bin"
rust="$here/../target/test-tools/bin"

mkdir -p "$into/python/src/tidings" "$into/typescript/src" "$into/rust/src"
rm -rf "$into/python/src/tidings/generated" "$into/rust/src/generated"
PATH="$python:$PATH" openapi-python-client generate --path "$here/openapi.json" --meta none \
  --config "$here/python/generator.yaml" --output-path "$into/python/src/tidings/generated"
"$typescript/openapi-typescript" "$here/openapi.json" --output "$into/typescript/src/generated.ts"
rm -rf "$into/python/src/tidings/generated/.ruff_cache"

# The generated files name their source, so it is given without a path.
(
  opened=$(mktemp -d)
  trap 'rm -rf "$opened"' EXIT
  cd "$opened"
  "$python/python" "$here/rust/open_enums.py" <"$here/openapi.json" >openapi.json
  "$rust/oas3-gen" generate client-mod --input openapi.json --output "$into/rust/src/generated" \
    --api-name Api --no-ordered-collections --quiet --color never
)
