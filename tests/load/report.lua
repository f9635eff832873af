-- What the scripts for wrk share: files of lines, bodies, and the figures as one line of JSON.
local report = {}
function report.lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end
function report.with_body(body) return "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body end
function report.done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"rate":%.1f,"p50":%.3f,"p99":%.3f,"max":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, latency.max / 1000, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
return report
