#!/usr/bin/env bash
# A client that knows nothing but the address: `buf curl` learns the rest from reflection.
#   buf_curl_test.sh [PROGRAM]
source "$(dirname "$0")/served.sh"
[ -x tests/clients/node_modules/.bin/buf ] ||
  npm ci --prefix tests/clients --no-audit --no-fund >/dev/null

WORKER=$(token COMMUNITY_WORKER --area 331082001001)
ask() { tests/clients/node_modules/.bin/buf curl --http2-prior-knowledge --protocol grpc \
          -H "Authorization: Bearer $WORKER" "$@" 2>&1; }
AT=http://$GRPC
NEEDS=$AT/linjuli.needs_intake.v1.NeedsIntake

LISTED=$(ask --list-services "$AT")
expect "reflection lists the service" '^linjuli.needs_intake.v1.NeedsIntake$' "$LISTED"
expect "and the change log" '^linjuli.changes.v1.Changes$' "$LISTED"
expect "and health" '^grpc.health.v1.Health$' "$LISTED"
expect "reflection lists the methods" 'NeedsIntake/ClaimNeed$' "$(ask --list-methods "$AT")"
expect "health of the server" '"status": *"SERVING"' "$(ask "$AT/grpc.health.v1.Health/Check")"
expect "health of the service" '"status": *"SERVING"' \
  "$(ask "$AT/grpc.health.v1.Health/Check" -d '{"service":"linjuli.needs_intake.v1.NeedsIntake"}')"
NEED=$(ask "$NEEDS/CreateNeed" \
  -d '{"need":{"text":"路灯不亮","division":"331082001001","channel":"HOTLINE"}}')
NAME=$(grep -oE 'needs/[0-9a-z]+' <<<"$NEED" | head -1)
expect "a need is made" '^needs/' "$NAME"
expect "and read" '"text": *"路灯不亮"' "$(ask "$NEEDS/GetNeed" -d "{\"name\":\"$NAME\"}")"
GONE=$(ask "$NEEDS/GetNeed" -d '{"name":"needs/0000000000000"}' || true)
expect "what is not there is not found" '"code": *"not_found"' "$GONE"
expect "with a reason that buf can decode" '"google.rpc.ErrorInfo"' "$GONE"
echo "buf curl: $PASSED checks passed"
