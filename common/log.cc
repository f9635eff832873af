#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace linjuli {
namespace {

spdlog::logger& Log() {
  static spdlog::logger* const log = [] {
    auto* made = new spdlog::logger("linjuli", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
    return made;
  }();
  return *log;
}

void AppendQuoted(absl::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    uint8_t byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string Line(absl::string_view message, const LogFields& fields) {
  std::string line = "\"message\":";
  AppendQuoted(message, line);
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, ",\"", name, "\":");
    AppendQuoted(value, line);
  }
  return line;
}

}  // namespace

void LogInfo(absl::string_view message, const LogFields& fields) {
  if (Log().should_log(spdlog::level::info)) Log().info("{}", Line(message, fields));
}

void LogError(absl::string_view message, const LogFields& fields) {
  Log().error("{}", Line(message, fields));
}

void LogCall(const LoggedCall& call) {
  if (!Log().should_log(spdlog::level::info)) return;
  LogInfo("call", {{"request_id", call.trace},
                   {"method", call.method},
                   {"caller", call.caller},
                   {"code", absl::StatusCodeToString(call.status.code())},
                   {"reason", ReasonOf(call.status)},
                   {"ms", absl::StrCat(absl::ToInt64Milliseconds(call.took))}});
}

void QuietLog() { Log().set_level(spdlog::level::err); }

}  // namespace linjuli
