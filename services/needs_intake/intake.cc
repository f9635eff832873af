// Hearing a need: registration, the instant reply, classification (E2–E4).
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
  if (tx.caller().Has(RESIDENT)) {
    if (!need.reporter().empty() && need.reporter() != tx.caller().subject) {
      return RefuseFields(
          {{"need.reporter", "OUTPUT_ONLY", "is you; a resident cannot speak in another's name"}});
    }
    need.set_reporter(tx.caller().subject);
  } else if (tx.caller().Has(AGENT) && need.reporter().empty()) {
    return RefuseFields({{"need.reporter", "REQUIRED", "must name the resident you act for"}});
  }
  return absl::OkStatus();
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

absl::Status CreateNeed(Tx& tx, const v1::CreateNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(SetReporter(tx, need));
  LJ_RETURN_IF_ERROR(CheckCategory(tx, need.category(), need.division(), "need.category"));
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

absl::Status ClassifyNeed(Tx& tx, const v1::ClassifyNeedRequest& request, Need& need) {
  if (need.state() == Need::IN_HANDLING && request.reason().empty()) {
    return RefuseFields({{"reason", "REQUIRED", "must be given once somebody handles the need"}});
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
