#!/usr/bin/env bash
# The contract of the HTTP door as a person types it: curl and nothing else.
#   curl_test.sh [PROGRAM]
source "$(dirname "$0")/served.sh"

WORKER=$(token COMMUNITY_WORKER --area 331082001001)
RESIDENT=$(token RESIDENT)
OTHER=$("$PROGRAM" token --data-dir "$DATA" --subject other --role RESIDENT)
as() { local who=$1; shift; curl -sS --max-time 10 -H "Authorization: Bearer $who" "$@"; }
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" <<<"$2"; }
BODY='{"text":"小区东门没法停车","division":"331082001001","channel":"ONLINE"}'
register() {
  as "$RESIDENT" "http://$HTTP/v1/needs" -H 'Content-Type: application/json' \
    -H "Idempotency-Key: $1" -d "$2"
}

NEED=$(register first "$BODY")
expect "registering gives a receipt and the clocks" '"receiptNumber":"[0-9]+".*"state":"RECEIVED".*"followUp":\{"dueTime"' "$NEED"
expect "and the caller's next steps" '"etag":"[^"]+","allowedActions":\[.*"withdraw"' "$NEED"
NAME=$(field name "$NEED")
expect "the same key gives the same need" "^$NAME$" "$(field name "$(register first "$BODY")")"
expect "the same key with another body is refused" '"code":409.*IDEMPOTENCY_CONFLICT' \
  "$(register first "${BODY/东门/西门}")"
expect "a body with a comma too many is refused" '"code":400' "$(register second "${BODY%\}},}")"
expect "a missing text is named" '"field":"need.text"' "$(register third '{"division":"331082001001","channel":"ONLINE"}')"

expect "a need is read" '"text":"小区东门没法停车"' "$(as "$RESIDENT" "http://$HTTP/v1/$NAME")"
expect "not by another resident" '"code":404' "$(as "$OTHER" "http://$HTTP/v1/$NAME")"
expect "not without a token" '"code":401' "$(curl -sS "http://$HTTP/v1/$NAME")"
expect "a division lists what lies under it" "$NAME" \
  "$(as "$WORKER" "http://$HTTP/v1/needs?division=331082001&state=RECEIVED&pageSize=50")"
expect "a word finds it" "$NAME" "$(as "$WORKER" -G "http://$HTTP/v1/needs:search" --data-urlencode query=停车)"
expect "another word does not" '^\{"needs":\[\]' \
  "$(as "$WORKER" -G "http://$HTTP/v1/needs:search" --data-urlencode query=垃圾)"
# Followed from here on: what was, and then what comes.
sed '/"stateAfter":"CLAIMED"/q' >"$DATA/followed" < <(as "$RESIDENT" -N \
  -H 'Accept: text/event-stream' "http://$HTTP/v1/history/$NAME" 2>/dev/null) &
FOLLOWED=$!
expect "a worker claims it" '"state":"CLAIMED"' \
  "$(as "$WORKER" -X POST "http://$HTTP/v1/$NAME:claim" -H 'Content-Type: application/json' -d '{}')"
expect "once" '"code":(400|409|412).*"reason":"STATE"' \
  "$(as "$WORKER" -X POST "http://$HTTP/v1/$NAME:claim" -H 'Content-Type: application/json' -d '{}')"
wait $FOLLOWED
expect "who follows hears what was" '^data: .*"stateAfter":"RECEIVED"' "$(<"$DATA/followed")"
expect "and what comes" '^data: .*"stateBefore":"RECEIVED","stateAfter":"CLAIMED"' "$(<"$DATA/followed")"
expect "each with a place to go on from" '^id: [A-Za-z0-9_-]+$' "$(<"$DATA/followed")"
BATCH=$(as "$WORKER" "http://$HTTP/v1/needs:batchCreate" -H 'Content-Type: application/json' \
  -d "{\"requests\":[{\"need\":$BODY,\"requestId\":\"b1\"},{\"need\":{\"text\":\"\"},\"requestId\":\"b2\"}]}")
expect "of a batch each row has its own result" '"results":\[\{"need":.*\},\{"error":' "$BATCH"
HISTORY=$(as "$RESIDENT" "http://$HTTP/v1/history/$NAME")
expect "its history tells of both steps" '"stateAfter":"RECEIVED".*"stateBefore":"RECEIVED","stateAfter":"CLAIMED"' "$HISTORY"

NEEDS=http://$HTTP/linjuli.needs_intake.v1.NeedsIntake
expect "Connect reads it by POST" '"text":"小区东门没法停车"' \
  "$(as "$RESIDENT" "$NEEDS/GetNeed" -H 'Content-Type: application/json' -d "{\"name\":\"$NAME\"}")"
expect "and by GET" '"text":"小区东门没法停车"' "$(as "$RESIDENT" -G "$NEEDS/GetNeed" \
  -d encoding=json --data-urlencode "message={\"name\":\"$NAME\"}")"
expect "and says what is not there in its own form" '^\{"code":"not_found".*"type":"google.rpc.ErrorInfo"' \
  "$(as "$OTHER" "$NEEDS/GetNeed" -H 'Content-Type: application/json' -d "{\"name\":\"$NAME\"}")"

expect "livez" '^200$' "$(curl -s -o /dev/null -w '%{http_code}' "http://$HTTP/livez")"
expect "readyz" '^200$' "$(curl -s -o /dev/null -w '%{http_code}' "http://$HTTP/readyz")"
expect "the OpenAPI document names the route" '"/v1/needs' "$(curl -s "http://$HTTP/openapi.json")"
DOCS=$(curl -s "http://$HTTP/docs")
expect "the reference page is a page" '<html' "$DOCS"
if grep -qE '(src|href)="(https?:)?//' <<<"$DOCS"; then
  echo "FAILED: /docs loads something from outside" >&2
  exit 1
fi
expect "metrics count calls" '^linjuli_' "$(curl -s "http://$METRICS/metrics")"
expect "a head that is too long is refused" '^(431|400)$' \
  "$(curl -s -o /dev/null -w '%{http_code}' -H "X-Long: $(printf 'a%.0s' {1..9000})" "http://$HTTP/v1/$NAME")"
echo "curl: $PASSED checks passed"
