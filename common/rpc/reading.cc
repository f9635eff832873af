// The pipeline's way of a call that reads: one snapshot, and what the caller is shown of it.
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/rpc/mandate.h"
#include "common/rpc/mask.h"
#include "common/rpc/pages.h"
#include "common/rpc/running.h"
#include "common/rpc/wire_field.h"

namespace linjuli {

using google::protobuf::Message;

namespace {

constexpr int kLongPage = 200;

}  // namespace

bool IsLong(const MethodPlan& plan, const Message& request) {
  return plan.kind == MethodKind::kSearch || plan.kind == MethodKind::kRead ||
         (plan.page_size != nullptr &&
          request.GetReflection()->GetInt32(request, plan.page_size) > kLongPage);
}

// For which purpose a call reads; empty where none had to be said.
std::string Service::PurposeOf(const Running& running) {
  const MethodPlan* plan = running.plan;
  if (plan == nullptr || plan->purpose == nullptr) return "";
  const Message& request = *running.call.request;
  return request.GetReflection()->GetEnum(request, plan->purpose)->name();
}

void Service::StartRead(const MethodPlan& plan, std::unique_ptr<Running> running) {
  if (!IsLong(plan, *running->call.request)) return Read(plan, std::move(running));
  Running* kept = running.get();
  absl::AnyInvocable<void()> work = [this, &plan, owned = std::move(running)]() mutable {
    absl::Status status = CheckDeadline(*owned);
    status.ok() ? Read(plan, std::move(owned)) : Finish(*owned, std::move(status));
  };
  if (long_reads_->Run(std::move(work))) return;
  // `work` was not taken and still owns the call.
  Finish(*kept, Overloaded("too many searches wait; try again in a second"));
}

void Service::Read(const MethodPlan& plan, std::unique_ptr<Running> running) {
  Reply reply = absl::UnknownError("");
  std::vector<std::string> shown;
  bool snapshot = plan.kind == MethodKind::kRead;
  absl::Status read = store_->Read(*running->caller, snapshot, [&](Rx& rx) {
    LJ_RETURN_IF_ERROR(ActUnder(rx, *plan_, plan, *running->call.request));
    if (rx.caller().mandate.has_value()) {
      running->caller = std::make_shared<const Caller>(rx.caller());
    }
    reply = RunRead(rx, plan, *running->call.request, shown);
    return absl::OkStatus();
  });
  if (!read.ok()) return Finish(*running, read);
  if (shown.empty() || !reply.ok()) return Finish(*running, std::move(reply));
  FinishRead(std::move(running), *std::move(reply), std::move(shown), [this](Message& m) {
    absl::Status hidden = plan_->schema.EachResource(m, [](const Table& table, Message& resource) {
      if (table.personal != nullptr) MaskPersonal(*table.personal, resource);
      return absl::OkStatus();
    });
    LJ_CHECK(hidden.ok());
  });
}

void Service::FinishRead(std::unique_ptr<Running> running, Answer reply,
                         std::vector<std::string> shown, absl::AnyInvocable<void(Message&)> hide) {
  Running* r = running.get();
  r->reply = std::move(reply);
  Origin origin{r->caller.get(), r->call.method->full_name(), ""};
  store_->Write(
      std::move(origin), r->call.deadline,
      [names = std::move(shown), purpose = PurposeOf(*r)](Tx& tx) {
        return tx.RecordAccess(names, purpose);
      },
      [this, owned = std::move(running), hide = std::move(hide)](absl::Status status) mutable {
        if (!status.ok()) {
          LogError("an access could not be recorded; the answer was masked",
                   {{"method", owned->call.method->full_name()}, {"reason", ReasonOf(status)}});
          hide(*owned->reply);
        }
        Finish(*owned, std::move(owned->reply));
      });
}

Reply Service::RunRead(Rx& rx, const MethodPlan& plan, const Message& request,
                       std::vector<std::string>& shown) {
  if (plan.kind == MethodKind::kGet) return ReadOne(rx, plan, request, shown);
  if (plan.kind != MethodKind::kRead) return ReadSome(rx, plan, request, shown);
  if (!plan.access.is_public() && plan.access.Find(rx.caller(), request) == nullptr) {
    return Refuse(absl::StatusCode::kPermissionDenied, "SCOPE",
                  "this lies outside the area you work for");
  }
  LJ_ASSIGN(std::unique_ptr<Message> reply, plan.handler->read(rx, request));
  for (const Shown& one : Dress(rx.caller(), plan, request, *reply)) {
    shown.push_back(one.table->NameIn(*one.resource));
  }
  return reply;
}

Reply Service::ReadOne(Rx& rx, const MethodPlan& plan, const Message& request,
                       std::vector<std::string>& shown) {
  std::string name = StringIn(request, plan.name);
  std::string resource;
  const int purpose =
      plan.purpose == nullptr ? 0 : request.GetReflection()->GetEnumValue(request, plan.purpose);
  Reading reading(views_.at(plan.table), rx, plan.access, purpose);
  LJ_RETURN_IF_ERROR(rx.WithBody(*plan.table, name, [&](absl::string_view body) -> absl::Status {
    LJ_ASSIGN(bool visible, reading.Show(body, resource));
    // Whoever may not see it is not told that it is there.
    return visible ? absl::OkStatus() : NotFound(name);
  }));
  if (reading.withheld()) {
    return Refuse(absl::StatusCode::kPermissionDenied, purpose == 0 ? "PURPOSE" : "CONSENT",
                  purpose == 0 ? "say for which purpose you read it"
                               : "the person has not agreed to this purpose, or not any more");
  }
  shown = reading.shown();
  return Answer(*plan.response, std::move(resource));
}

Reply Service::ReadSome(Rx& rx, const MethodPlan& plan, const Message& request,
                        std::vector<std::string>& shown) {
  Reading reading(views_.at(plan.table), rx, plan.access);
  std::string page, row;
  auto show = [&](absl::string_view body) -> absl::StatusOr<bool> {
    row.clear();
    LJ_ASSIGN(bool visible, reading.Show(body, row));
    if (visible) AppendField(plan.rows, row, page);
    return visible;
  };
  LJ_ASSIGN(std::string next, ReadPage(rx, plan, request, show));
  if (!next.empty()) AppendField(plan.next_page_token, next, page);
  shown = reading.shown();
  return Answer(*plan.response, std::move(page));
}

std::vector<Service::Shown> Service::Dress(const Caller& caller, const MethodPlan& plan,
                                           const Message& request, Message& reply) const {
  std::vector<Shown> shown;
  const auto* reflection = reply.GetReflection();
  auto dress = [&](const AccessPlan& access, Message& resource) {
    if (views_.at(plan.table).Dress(caller, access, 0, store_->Now(), resource) ==
        View::Sight::kClear) {
      shown.push_back({plan.table, &resource});
    }
  };
  switch (plan.kind) {
    case MethodKind::kBatchCreate:
      for (int i = 0; i < reflection->FieldSize(reply, plan.results); ++i) {
        Message* row = reflection->MutableRepeatedMessage(&reply, plan.results, i);
        if (!row->GetReflection()->HasField(*row, plan.result_resource)) continue;
        dress(plan.each->access, *row->GetReflection()->MutableMessage(row, plan.result_resource));
      }
      break;
    case MethodKind::kRead:
    case MethodKind::kWrite: {
      if (plan.reply_personal == nullptr) break;
      const Way* way = plan.access.Find(caller, request);
      if (way == nullptr || way->masked) {
        MaskPersonal(*plan.reply_personal, reply);
        break;
      }
      absl::Status seen =
          plan_->schema.EachResource(reply, [&](const Table& table, Message& resource) {
            Show(caller, table, resource, shown);
            return absl::OkStatus();
          });
      LJ_CHECK(seen.ok());
      break;
    }
    default:
      dress(plan.access, reply);
  }
  return shown;
}

void Service::Show(const Caller& caller, const Table& table, Message& resource,
                   std::vector<Shown>& shown) {
  if (table.personal == nullptr || !table.personal->Holds(resource)) return;
  if (TextAt(resource, table.person) == caller.subject) return;
  // Read for purposes only, and by itself.
  if (table.consent.has_value()) return MaskPersonal(*table.personal, resource);
  shown.push_back({&table, &resource});
}

}  // namespace linjuli
