// Campaigns that collect needs, and what was said in them (E1).
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "services/needs_intake/clock.h"
#include "services/needs_intake/handlers.h"

namespace linjuli::needs_intake {
namespace {

using v1::Campaign;
using v1::RawItem;

// Held with people in one room: who came and what was minuted is on record.
bool IsMeeting(const Campaign& campaign) {
  return campaign.method() == v1::SYMPOSIUM || campaign.method() == v1::HEARING;
}

// Nothing that was said is lost: each item is distilled, or set aside with a reason.
absl::Status CheckDistilled(const Campaign& campaign) {
  if (campaign.raw_count() == 0) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "UNDISTILLED",
                absl::StrCat(campaign.raw_count(),
                             " items are neither distilled nor set aside; do that first"),
                {{"items", absl::StrCat(campaign.raw_count())}});
}

absl::StatusOr<Campaign> CampaignOf(Tx& tx, const std::string& item) {
  return tx.Get<Campaign>(Table::ParentOf(item));
}

}  // namespace

absl::Status CreateCampaign(Tx& tx, const v1::CreateCampaignRequest&, Campaign& campaign) {
  if (campaign.method() > v1::HOME_VISIT) {
    return RefuseFields(
        {{"campaign.method", "RANGE", "is no campaign: SYMPOSIUM, HEARING, SURVEY or HOME_VISIT"}});
  }
  campaign.set_organizer(tx.caller().subject);
  campaign.set_standard_version(tx.standard().version());
  return absl::OkStatus();
}

absl::Status AnnounceCampaign(Tx& tx, const v1::AnnounceCampaignRequest&, Campaign& campaign) {
  if (!campaign.has_notice_time()) Stamp(campaign.mutable_notice_time(), tx.now());
  return absl::OkStatus();
}

absl::Status OpenCampaign(Tx& tx, const v1::OpenCampaignRequest&, Campaign& campaign) {
  if (campaign.method() != v1::HEARING) return absl::OkStatus();
  absl::Time opens = absl::InfiniteFuture();
  if (campaign.has_notice_time()) {
    LJ_ASSIGN(opens, tx.standard().After(ToTime(campaign.notice_time()),
                                         tx.standard().clock("hearing_notice")));
  }
  if (tx.now() >= opens) return absl::OkStatus();
  return Refuse(
      absl::StatusCode::kFailedPrecondition, "WINDOW",
      "announce a hearing, and let its notice hang before it opens",
      {{"opens", campaign.has_notice_time() ? absl::FormatTime(opens, ChinaTime()) : ""}});
}

absl::Status CloseCampaign(Tx&, const v1::CloseCampaignRequest& request, Campaign& campaign) {
  if (IsMeeting(campaign)) {
    std::vector<FieldViolation> missing;
    if (request.attendee_names().empty()) {
      missing.push_back({"attendee_names", "EVIDENCE", "must tell who came to a meeting"});
    }
    if (request.minutes_hash().empty()) {
      missing.push_back({"minutes_hash", "EVIDENCE", "must be given for a meeting"});
    }
    if (!missing.empty()) return RefuseFields(missing);
  }
  if (request.attendance() != 0 && request.attendance() < request.attendee_names_size()) {
    return RefuseFields({{"attendance", "RANGE", "is less than the names that are given"}});
  }
  *campaign.mutable_attendee_names() = request.attendee_names();
  campaign.set_attendance(std::max(request.attendance(), request.attendee_names_size()));
  campaign.set_minutes_hash(request.minutes_hash());
  return absl::OkStatus();
}

absl::Status ReportCampaign(Tx&, const v1::ReportCampaignRequest& request, Campaign& campaign) {
  LJ_RETURN_IF_ERROR(CheckDistilled(campaign));
  campaign.set_report(request.report());
  return absl::OkStatus();
}

absl::Status CancelCampaign(Tx&, const v1::CancelCampaignRequest& request, Campaign& campaign) {
  LJ_RETURN_IF_ERROR(CheckDistilled(campaign));
  campaign.set_cancel_reason(request.reason());
  return absl::OkStatus();
}

absl::Status CreateRawItem(Tx& tx, const v1::CreateRawItemRequest& request, RawItem& item) {
  LJ_ASSIGN(Campaign campaign, tx.Get<Campaign>(request.parent()));
  if (campaign.state() != Campaign::OPEN && campaign.state() != Campaign::CLOSED) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "STATE",
                  "items are noted while a campaign is open, or closed and not yet reported",
                  {{"from", Campaign::State_Name(campaign.state())}, {"action", "create"}});
  }
  if (item.division().empty()) item.set_division(campaign.division());
  if (!absl::StartsWith(item.division(), campaign.division())) {
    return RefuseFields({{"item.division", "RANGE", "lies outside the campaign's division"}});
  }
  campaign.set_raw_count(campaign.raw_count() + 1);
  return tx.Put(campaign);
}

absl::Status DistilRawItem(Tx& tx, const v1::DistilRawItemRequest& request, RawItem& item) {
  LJ_ASSIGN(Campaign campaign, CampaignOf(tx, item.name()));
  if (request.has_need()) {
    Need need = request.need();
    if (!tx.caller().Covers(need.division())) {
      return RefuseFields({{"need.division", "SCOPE", "must lie in the area you work for"}});
    }
    need.set_origin(campaign.name());
    need.set_channel(campaign.method());
    Tx::Move(need, Need::RECEIVED);
    LJ_RETURN_IF_ERROR(HearNeed(tx, need));
    LJ_RETURN_IF_ERROR(tx.Create(need));
    item.set_need(need.name());
  } else {
    auto need = tx.Get<Need>(request.existing_need());
    if (!need.ok() || !tx.caller().Covers(need->division())) {
      return RefuseFields(
          {{"existing_need", "REFERENCE", "name a need of your area, or send one"}});
    }
    if (need->state() == Need::REFUSED || need->state() == Need::WITHDRAWN) {
      return RefuseFields({{"existing_need", "RANGE", "was refused or withdrawn"}});
    }
    item.set_need(need->name());
  }
  item.set_decider(tx.caller().subject);
  campaign.set_raw_count(campaign.raw_count() - 1);
  campaign.set_distilled_count(campaign.distilled_count() + 1);
  return tx.Put(campaign);
}

absl::Status SetAsideRawItem(Tx& tx, const v1::SetAsideRawItemRequest& request, RawItem& item) {
  LJ_ASSIGN(Campaign campaign, CampaignOf(tx, item.name()));
  item.set_set_aside_reason(request.reason());
  item.set_decider(tx.caller().subject);
  campaign.set_raw_count(campaign.raw_count() - 1);
  campaign.set_set_aside_count(campaign.set_aside_count() + 1);
  return tx.Put(campaign);
}

}  // namespace linjuli::needs_intake
