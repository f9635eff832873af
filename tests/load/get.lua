-- wrk: asks for the paths of a file, in an order of its own.
--   wrk … -s get.lua URL -- FOLDER PATHS_FILE PAUSE_MS
local report = require("report")
local paths, tokens, pause, count = {}, {}, 0, 0
function init(args)
  paths = report.lines(args[1] .. "/" .. args[2])
  tokens = report.lines(args[1] .. "/tokens.txt")
  pause = tonumber(args[3] or 0)
end
function request()
  count = count + 1
  return "GET " .. paths[count % #paths + 1] .. " HTTP/1.1\r\nHost: linjuli\r\n" ..
    "Authorization: Bearer " .. tokens[count % #tokens + 1] .. "\r\n\r\n"
end
function delay() return pause == 0 and 0 or math.random(0, 2 * pause) end
done = report.done
