# To be sourced: starts linjuli on free ports with a data folder of its own, and ends it with the
# shell. Sets PROGRAM, DATA, HTTP, GRPC, METRICS; defines `token` and `expect`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PROGRAM=${1:-}
for candidate in build/release/linjuli build/dev/linjuli; do
  [ -n "$PROGRAM" ] || ! [ -x $candidate ] || PROGRAM=$candidate
done
[ -x "$PROGRAM" ] || { echo "no linjuli is built; mend it: ninja -C build/dev linjuli" >&2; exit 1; }

DATA=$(mktemp -d -t linjuli-clients-XXXXXX)
mkfifo "$DATA/ready"
"$PROGRAM" serve all --data-dir "$DATA" --standard deploy/standards/linhai \
  --http 127.0.0.1:0 --grpc 127.0.0.1:0 --metrics 127.0.0.1:0 >"$DATA/ready" 2>"$DATA/log" &
SERVED=$!
stop() {
  local code=$? left=0
  kill "$SERVED" 2>/dev/null || true
  wait "$SERVED" || left=$?
  if [ $code -ne 0 ]; then tail -5 "$DATA/log" >&2; fi
  if [ $left -ne 0 ]; then echo "FAILED: SIGTERM: exit $left, wanted 0" >&2; code=1; fi
  rm -rf "$DATA"
  exit $code
}
trap stop EXIT
read -r ADDRESSES <"$DATA/ready" || { echo "it did not start" >&2; exit 1; }
door() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" <<<"$ADDRESSES"; }
HTTP=$(door http) GRPC=$(door grpc) METRICS=$(door metrics)

# token ROLE [OPTION…]
token() { "$PROGRAM" token --data-dir "$DATA" --subject "$1-1" --role "$1" "${@:2}"; }

PASSED=0
# expect WHAT PATTERN TEXT: TEXT contains a match of the extended regular expression.
expect() {
  if grep -qE -- "$2" <<<"$3"; then
    PASSED=$((PASSED + 1))
  else
    echo "FAILED: $1: wanted /$2/ in:" >&2
    echo "$3" >&2
    exit 1
  fi
}
