// Needs that tell of the same (E5): one is followed for all, and each reporter keeps a receipt, a
// clock and a callback of their own.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/standard/standard.h"
#include "services/needs_intake/clocks.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

constexpr int kUsualSuggestions = 5;

absl::Status NoSurvivor(const std::string& survivor) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "SURVIVOR",
                "the need that is to remain must be another one of your area, not answered yet",
                {{"survivor", survivor}});
}

bool AwaitsAnswer(const Need& need) {
  return need.state() < Need::CONFIRMED && need.state() != Need::ANSWERED;
}

// Every need that is laid to `need` now.
absl::StatusOr<std::vector<Need>> JoinedTo(Tx& tx, const Need& need) {
  if (need.joined_count() == 0) return std::vector<Need>();
  // Those that were answered before name it still.
  return tx.Find<Need>("merge.survivor", need.name(), need.joined_count(), {Need::MERGED});
}

// Counts `more` needs to the survivor; the number of callbacks that one answer sets off is bounded.
absl::Status Count(Tx& tx, Need& survivor, int more) {
  if (survivor.joined_count() + more > tx.standard().Limit("joined")) {
    return Refuse(
        absl::StatusCode::kResourceExhausted, "JOIN_LIMIT",
        absl::StrCat(survivor.joined_count(), " needs are laid to it, which is the most"));
  }
  survivor.set_joined_count(survivor.joined_count() + more);
  return tx.Put(survivor);
}

void Lay(Tx& tx, Need& need, const std::string& survivor, Need::State before) {
  v1::Merge& merge = *need.mutable_merge();
  merge.set_survivor(survivor);
  merge.set_state_before(before);
  Stamp(merge.mutable_merge_time(), tx.now());
}

}  // namespace

absl::Status Join(Tx& tx, const std::string& name, Need& need) {
  auto survivor = tx.Get<Need>(name);
  // What is one person's own, or lies elsewhere, is joined by nobody but a worker of its area.
  bool shared = survivor.ok() && survivor->division() == need.division() &&
                (survivor->scope() == v1::COMMON || survivor->scope() == v1::GENERAL);
  if (!survivor.ok() || (!shared && !tx.caller().Covers(survivor->division()))) {
    return NotFound(name);
  }
  if (!AwaitsAnswer(*survivor)) return NoSurvivor(name);
  LJ_RETURN_IF_ERROR(Count(tx, *survivor, 1));
  Lay(tx, need, name, Need::RECEIVED);
  return ScheduleCheck(tx, need);
}

absl::Status MergeNeed(Tx& tx, const v1::MergeNeedRequest& request, Need& need) {
  auto survivor = tx.Get<Need>(request.survivor());
  if (!survivor.ok() || survivor->name() == need.name() || !AwaitsAnswer(*survivor) ||
      !tx.caller().Covers(survivor->division())) {
    return NoSurvivor(request.survivor());
  }
  LJ_ASSIGN(Need before, tx.Get<Need>(need.name()));
  // What was laid to this one goes with it.
  LJ_ASSIGN(std::vector<Need> joined, JoinedTo(tx, need));
  LJ_RETURN_IF_ERROR(Count(tx, *survivor, 1 + static_cast<int>(joined.size())));
  for (Need& one : joined) {
    one.mutable_merge()->set_survivor(request.survivor());
    LJ_RETURN_IF_ERROR(tx.Put(one));
  }
  need.set_joined_count(0);
  Lay(tx, need, request.survivor(), before.state());
  return ScheduleCheck(tx, need);
}

absl::Status UnmergeNeed(Tx& tx, const v1::UnmergeNeedRequest&, Need& need) {
  LJ_RETURN_IF_ERROR(CheckWindow(tx, need.merge().merge_time(), "unmerge", "UNMERGE_WINDOW",
                                 "it was merged too long ago; register a new need"));
  const Need::State before = need.merge().state_before();
  LJ_RETURN_IF_ERROR(Leave(tx, need));
  return BackTo(tx, need, before);
}

absl::Status Leave(Tx& tx, Need& need) {
  LJ_ASSIGN(Need survivor, tx.Get<Need>(need.merge().survivor()));
  need.clear_merge();
  if (survivor.joined_count() == 0) return absl::OkStatus();
  return Count(tx, survivor, -1);
}

absl::Status AnswerJoined(Tx& tx, Need& need) {
  LJ_ASSIGN(std::vector<Need> joined, JoinedTo(tx, need));
  for (Need& one : joined) {
    if (WantsEvidence(one) && need.answer().evidence_hashes().empty()) {
      return RefuseFields({{"answer.evidence_hashes", "EVIDENCE",
                            absl::StrCat("must show what was done; ", one.name(),
                                         ", which is laid to it, asks for it")}});
    }
    Tx::Move(one, Need::ANSWERED);
    EndOffer(one);
    *one.mutable_answer() = need.answer();
    one.set_owner(need.owner());
    one.clear_contact_attempt_times();
    LJ_RETURN_IF_ERROR(StartFeedback(tx, one));
    LJ_RETURN_IF_ERROR(tx.Put(one));
  }
  need.set_joined_count(0);
  return absl::OkStatus();
}

absl::Status FreeJoined(Tx& tx, Need& need) {
  LJ_ASSIGN(std::vector<Need> joined, JoinedTo(tx, need));
  for (Need& one : joined) {
    one.clear_merge();
    LJ_RETURN_IF_ERROR(BackToPool(tx, one));
    LJ_RETURN_IF_ERROR(tx.Put(one));
  }
  need.set_joined_count(0);
  return absl::OkStatus();
}

absl::StatusOr<v1::SuggestDuplicatesResponse> SuggestDuplicates(
    Rx& rx, const v1::SuggestDuplicatesRequest& request) {
  auto counts = [&](const Need& need) {
    return AwaitsAnswer(need) && absl::StartsWith(need.division(), request.division());
  };
  const int limit = request.limit() == 0 ? kUsualSuggestions : request.limit();
  LJ_ASSIGN(auto found, rx.Similar<Need>(request.text(), counts, limit));
  v1::SuggestDuplicatesResponse response;
  for (const Likeness& like : found) {
    v1::DuplicateSuggestion& suggestion = *response.add_suggestions();
    LJ_ASSIGN(*suggestion.mutable_need(), rx.Get<Need>(like.name));
    suggestion.set_likeness_bp(like.share_bp);
  }
  return response;
}

}  // namespace linjuli::needs_intake
