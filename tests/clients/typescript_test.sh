#!/usr/bin/env bash
# Generates TypeScript's clients (as JavaScript) from the protos, and lets them call.
#   typescript_test.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")"
ROOT=$(cd ../.. && pwd)
PROGRAM=${1:-}
for candidate in "$ROOT"/build/release/linjuli "$ROOT"/build/dev/linjuli; do
  [ -n "$PROGRAM" ] || ! [ -x "$candidate" ] || PROGRAM=$candidate
done
[ -x "$PROGRAM" ] || PROGRAM=$OLDPWD/$PROGRAM
[ -x "$PROGRAM" ] || { echo "no linjuli is built; mend it: ninja -C build/dev linjuli" >&2; exit 1; }
[ -x node_modules/.bin/protoc-gen-es ] || npm ci --no-audit --no-fund >/dev/null
rm -rf generated
mkdir generated
GOOGLEAPIS=/usr/share/gocode/src/github.com/gogo/googleapis
protoc --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es \
  --es_out=target=js,import_extension=js:generated \
  -I"$ROOT/proto" -I$GOOGLEAPIS -I/usr/include \
  google/api/http.proto google/api/annotations.proto google/rpc/status.proto \
  google/rpc/error_details.proto linjuli/options.proto \
  $(cd "$ROOT/proto" && find linjuli/*/ -name '*.proto')
exec node typescript_test.mjs "$PROGRAM"
