#include "services/verify.h"

#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/changes/heads.h"
#include "common/clock.h"
#include "common/rpc/plan.h"
#include "common/store/store.h"
#include "common/store/verify.h"
#include "services/services.h"
#include "services/witness_file.h"

namespace linjuli {

using changes::v1::Head;
using changes::v1::WitnessedHead;

namespace {

std::string PathOf(const std::string& data_dir, const std::string& service) {
  return absl::StrCat(data_dir, "/", service, ".db");
}

absl::StatusOr<std::vector<WitnessedHead>> AllWitnessed(const VerifyOptions& options) {
  std::vector<WitnessedHead> all;
  auto add = [&all](std::vector<WitnessedHead> some) {
    for (auto& seen : some) all.push_back(std::move(seen));
  };
  for (const auto& file : options.witness_files) {
    LJ_ASSIGN(auto heads, ReadHeadFile(file));
    add(std::move(heads));
  }
  auto own = ReadHeadFile(absl::StrCat(options.data_dir, "/", kWitnessedHeads));
  if (!absl::IsNotFound(own.status())) {
    LJ_RETURN_IF_ERROR(own.status());
    add(*std::move(own));
  }
  for (const auto& entry : AllServices()) {
    std::string path = PathOf(options.data_dir, entry.name);
    if (!std::filesystem::exists(path)) continue;
    LJ_ASSIGN(auto db, Connection::Open(path, Connection::Access::kRead));
    LJ_ASSIGN(auto heads, ReadWitnessed(*db, ""));
    add(std::move(heads));
  }
  return all;
}

std::string ToText(const std::string& service, const Verdict& verdict, absl::Duration took) {
  std::string text =
      absl::StrCat(service, ": ", verdict.changes, " changes hold, head ", verdict.head, "\n");
  if (verdict.public_key.empty()) {
    absl::StrAppend(&text, service, ": no head is signed\n");
  } else {
    absl::StrAppend(&text, service, ": signed up to ", verdict.signed_changes, " by the key ",
                    absl::Base64Escape(verdict.public_key), "; ", verdict.witnessed,
                    " witnessed heads hold\n");
  }
  if (!verdict.restored.empty()) {
    const Head& last = verdict.restored.back();
    absl::StrAppend(&text, service, ": it was restored from a backup; ", verdict.restored.size(),
                    " heads up to change ", last.sequence(), " (",
                    absl::FormatTime(absl::RFC3339_sec, SignTime(last), absl::UTCTimeZone()),
                    ") speak of what was left behind\n");
  }
  absl::StrAppend(&text, service, ": ",
                  static_cast<int64_t>(static_cast<double>(verdict.changes) /
                                       std::max(absl::ToDoubleSeconds(took), 1e-6)),
                  " changes/s\n");
  return text;
}

absl::StatusOr<ServiceVerdict> VerifyOne(const ServiceEntry& entry, const std::string& path,
                                         const std::vector<WitnessedHead>& all) {
  LJ_ASSIGN(std::unique_ptr<ServicePlan> plan, ServicePlan::From(entry.spec()));
  LJ_ASSIGN(auto db, Connection::Open(path, Connection::Access::kRead));
  ServiceVerdict result;
  result.service = entry.name;
  std::vector<Head> witnessed;
  std::string contradicting;
  for (const auto& seen : all) {
    if (seen.head().service() != entry.name) continue;
    if (seen.contradiction().empty()) {
      witnessed.push_back(seen.head());
      continue;
    }
    ++result.flaws;
    absl::StrAppend(&contradicting, entry.name, ": a witness saw a head for change ",
                    seen.head().sequence(),
                    " that contradicts what it had seen: ", seen.contradiction(), "\n");
  }
  absl::Time begun = Clock::Real()->Now();
  LJ_ASSIGN(Verdict verdict, VerifyStore(*db, plan->schema, witnessed));
  result.text = ToText(entry.name, verdict, Clock::Real()->Now() - begun) + contradicting;
  if (verdict.flaw.has_value()) {
    ++result.flaws;
    absl::StrAppend(&result.text, entry.name, ": change ", verdict.flaw->sequence, ": ",
                    verdict.flaw->what, "\n");
  }
  if (result.flaws > 0) {
    absl::StrAppend(&result.text, "  mend it: restore ", path,
                    " from a backup that holds, and keep this file for the auditor\n");
  }
  return result;
}

}  // namespace

absl::StatusOr<std::vector<ServiceVerdict>> VerifyAll(const VerifyOptions& options) {
  LJ_ASSIGN(std::vector<WitnessedHead> witnessed, AllWitnessed(options));
  std::vector<ServiceVerdict> verdicts;
  for (const auto& entry : AllServices()) {
    std::string path = PathOf(options.data_dir, entry.name);
    if (!std::filesystem::exists(path)) continue;
    LJ_ASSIGN(ServiceVerdict verdict, VerifyOne(entry, path, witnessed));
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace linjuli
