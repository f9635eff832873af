// Hearing a need: registration, the instant reply, classification (E2–E4).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/standard/codes.h"
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

constexpr int kMostArticles = 5;
// Articles with one item code that are looked at, retired ones among them.
constexpr int kArticlesSeen = 100;

// "20261123" and the place in the log, so that no two are alike, with two check digits.
std::string ReceiptNumber(Tx& tx) {
  std::string day = absl::FormatTime("%Y%m%d", tx.now(), ChinaTime());
  return WithCheckDigit(absl::StrCat(day, absl::Dec(tx.sequence() % 100000000, absl::kZeroPad8)));
}

absl::Status SetReporter(Tx& tx, Need& need) {
  const Caller& caller = tx.caller();
  const bool for_another = caller.mandate.has_value();
  if (!for_another && !caller.Has(RESIDENT)) return absl::OkStatus();
  const std::string& reporter = for_another ? caller.mandate->principal : caller.subject;
  if (!need.reporter().empty() && need.reporter() != reporter) {
    return RefuseFields({{"need.reporter", "OUTPUT_ONLY",
                          for_another ? "is whoever gave you the mandate"
                                      : "is you; a resident cannot speak in another's name"}});
  }
  need.set_reporter(reporter);
  return absl::OkStatus();
}

// A need may come out of a campaign that was asking, in the division that it asked.
absl::Status CheckOrigin(Tx& tx, const Need& need) {
  if (need.origin().empty()) return absl::OkStatus();
  auto campaign = tx.Get<v1::Campaign>(need.origin());
  if (campaign.ok() && absl::StartsWith(need.division(), campaign->division()) &&
      (campaign->state() == v1::Campaign::OPEN || campaign->state() == v1::Campaign::CLOSED)) {
    return absl::OkStatus();
  }
  return RefuseFields({{"need.origin", "RANGE", "is no campaign that asks in this division now"}});
}

// A category of the standard, and one that the division's kind has: AGRI is for the country.
absl::Status CheckCategory(Tx& tx, const std::string& code, const std::string& division,
                           const std::string& field) {
  if (code.empty()) return absl::OkStatus();
  const Category* category = tx.standard().FindCategory(code);
  const Division* where = tx.standard().FindDivision(division);
  bool fits = category != nullptr && where != nullptr &&
              (where->urban_rural == UrbanRural::URBAN ? category->urban : category->rural);
  if (fits) return absl::OkStatus();
  return RefuseFields({{field, "RANGE", absl::StrCat(code, " is no category of this division")}});
}

}  // namespace

absl::Status HearNeed(Tx& tx, Need& need) {
  LJ_RETURN_IF_ERROR(CheckCategory(tx, need.category(), need.division(), "need.category"));
  LJ_RETURN_IF_ERROR(CheckOrigin(tx, need));
  need.set_receipt_number(ReceiptNumber(tx));
  need.set_standard_version(tx.standard().version());
  if (!need.item_code().empty()) {
    LJ_ASSIGN(auto articles, tx.Find<v1::Article>("item_code", need.item_code(), kArticlesSeen));
    for (const auto& article : articles) {
      if (article.state() != v1::Article::PUBLISHED) continue;
      need.add_matched_articles(article.name());
      if (need.matched_articles_size() == kMostArticles) break;
    }
  }
  LJ_RETURN_IF_ERROR(StartFollowUp(tx, need));
  return StartHandle(tx, need);
}

absl::Status CreateNeed(Tx& tx, const v1::CreateNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(SetReporter(tx, need));
  return HearNeed(tx, need);
}

absl::Status CreateJoinedNeed(Tx& tx, const v1::CreateJoinedNeedRequest& request, Need& need) {
  LJ_RETURN_IF_ERROR(SetReporter(tx, need));
  LJ_RETURN_IF_ERROR(HearNeed(tx, need));
  return Join(tx, request.survivor(), need);
}

absl::Status ClassifyNeed(Tx& tx, const v1::ClassifyNeedRequest& request, Need& need) {
  if (need.state() != Need::RECEIVED && request.reason().empty()) {
    return RefuseFields({{"reason", "REQUIRED", "must be given once somebody has the need"}});
  }
  LJ_RETURN_IF_ERROR(CheckCategory(tx, request.category(), need.division(), "category"));
  bool new_kind = request.kind() != 0 && request.kind() != need.kind();
  bool was_pressing = need.urgent() || need.level() == v1::REMEDIAL;
  if (!request.category().empty()) need.set_category(request.category());
  if (request.level() != 0) need.set_level(request.level());
  if (request.scope() != 0) need.set_scope(request.scope());
  if (request.kind() != 0) need.set_kind(request.kind());
  if (request.has_urgent()) need.set_urgent(request.urgent());
  need.set_classification_reason(request.reason());
  // Only the clocks that depend on what has changed start anew.
  bool pressing = need.urgent() || need.level() == v1::REMEDIAL;
  if (pressing != was_pressing && need.state() == Need::RECEIVED) {
    LJ_RETURN_IF_ERROR(StartFollowUp(tx, need));
  }
  return new_kind ? StartHandle(tx, need) : absl::OkStatus();
}

}  // namespace linjuli::needs_intake
