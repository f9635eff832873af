-- wrk: registers needs. Each request has a text, a division, a person and a key of its own.
--   wrk … -s post.lua URL -- FOLDER SEED PAUSE_MS
-- FOLDER holds texts.txt, tokens.txt, divisions.txt. PAUSE_MS: think time of a connection.
local report = require("report")
local texts, tokens, divisions, seed, pause, count = {}, {}, {}, "", 0, 0
function init(args)
  texts = report.lines(args[1] .. "/texts.txt")
  tokens = report.lines(args[1] .. "/tokens.txt")
  divisions = report.lines(args[1] .. "/divisions.txt")
  seed = args[2]
  pause = tonumber(args[3] or 0)
  math.randomseed(tonumber(seed))
end
function request()
  count = count + 1
  return "POST /v1/needs HTTP/1.1\r\nHost: linjuli\r\nContent-Type: application/json\r\n" ..
    "Authorization: Bearer " .. tokens[count % #tokens + 1] ..
    "\r\nIdempotency-Key: " .. seed .. "-" .. count ..
    report.with_body('{"text":"' .. texts[count % #texts + 1] .. '","division":"' ..
                     divisions[math.random(#divisions)] .. '","channel":"ONLINE"}')
end
function delay() return pause == 0 and 0 or math.random(0, 2 * pause) end
done = report.done
