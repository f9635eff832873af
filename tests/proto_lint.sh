#!/usr/bin/env bash
# Lints the protos with buf (tests/buf.yaml), and compares them with those of main: what others call
# and what is stored must stay readable.
#   proto_lint.sh [BASE]    BASE: a commit; origin/main where unsaid
set -euo pipefail
cd "$(dirname "$0")/.."
BUF=tests/clients/node_modules/.bin/buf
[ -x $BUF ] || npm ci --prefix tests/clients --no-audit --no-fund >/dev/null
WORK=$(mktemp -d -t linjuli-lint-XXXXXX)
trap 'rm -rf "$WORK"' EXIT

# image TREE OUT: the protos of a tree with what they import, compiled by the protoc that we build
# with. buf neither resolves nor fetches anything.
image() {
  (cd "$1/proto" && find linjuli -name '*.proto' | sort >"$WORK/files") &&
    protoc --include_source_info --include_imports -I"$1/proto" \
      -I/usr/share/gocode/src/github.com/gogo/googleapis -I/usr/include -o "$2" $(<"$WORK/files")
}
# Only ours are looked at, whatever they import.
mapfile -t OURS < <(find proto/linjuli -name '*.proto' | sed 's|^proto/|--path=|' | sort)

image . "$WORK/now.binpb"
$BUF lint "$WORK/now.binpb" --config tests/buf.yaml "${OURS[@]}"
# Money is fen in int64 and shares are basis points; what a message holds is typed (X9).
if grep -rnE '^\s*((repeated|optional)\s+)?(float|double|google\.protobuf\.(Value|Struct))\s' \
     --include='*.proto' proto/linjuli; then
  echo "FAILED: no float, double, Value or Struct in the protos; mend it: int64 x_fen, int32 x_bp" >&2
  exit 1
fi
echo "proto lint: ${#OURS[@]} files keep to tests/buf.yaml"

BASE=${1:-origin/main}
if ! git rev-parse --quiet --verify "$BASE^{commit}" >/dev/null; then
  echo "proto lint: there is no $BASE to compare with; breaking changes were not looked for"
  exit 0
fi
mkdir "$WORK/base"
if ! git archive "$BASE" proto 2>/dev/null | tar -x -C "$WORK/base" 2>/dev/null ||
   [ -z "$(find "$WORK/base" -name '*.proto' -print -quit)" ]; then
  echo "proto lint: $BASE has no protos yet; breaking changes were not looked for"
  exit 0
fi
image "$WORK/base" "$WORK/base.binpb"
$BUF breaking "$WORK/now.binpb" --against "$WORK/base.binpb" --config tests/buf.yaml \
  --exclude-imports
echo "proto lint: nothing that $BASE promised is broken"
