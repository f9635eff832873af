#include "services/export.h"

#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/rpc/mask.h"
#include "common/rpc/plan.h"
#include "common/store/store.h"
#include "services/services.h"

namespace linjuli {
namespace {

constexpr size_t kRecordAtOnce = 500;

// Prints resources; those that show personal data wait until that is recorded.
class Printer {
 public:
  Printer(Store& store, std::ostream& out) : store_(store), out_(out) {
    operator_.subject = "operator";
  }

  absl::Status Print(const Table& table, google::protobuf::Message& resource, bool personal) {
    if (table.personal != nullptr && table.personal->Holds(resource)) {
      if (personal) {
        shown_.push_back(table.NameIn(resource));
      } else {
        MaskPersonal(*table.personal, resource);
      }
    }
    absl::StrAppend(&lines_, "{\"type\":\"", table.type->full_name(), "\",\"resource\":");
    PrintJson(resource, lines_);
    lines_ += "}\n";
    return ++waiting_ < kRecordAtOnce ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (!shown_.empty()) {
      LJ_RETURN_IF_ERROR(store_.WriteAndWait({&operator_, "export", ""},
                                             [this](Tx& tx) { return tx.RecordAccess(shown_); }));
    }
    out_ << lines_;
    lines_.clear();
    shown_.clear();
    waiting_ = 0;
    return absl::OkStatus();
  }

 private:
  Store& store_;
  std::ostream& out_;
  Caller operator_;
  std::string lines_;
  std::vector<std::string> shown_;
  size_t waiting_ = 0;
};

}  // namespace

absl::Status Export(const ExportOptions& options, std::ostream& out) {
  for (const auto& entry : AllServices()) {
    if (entry.name != options.service) continue;
    LJ_ASSIGN(std::unique_ptr<ServicePlan> plan, ServicePlan::From(entry.spec()));
    StoreOptions opened;
    opened.path = absl::StrCat(options.data_dir, "/", options.service, ".db");
    opened.service = options.service;
    opened.migrations = entry.spec().migrations;
    opened.master_key = options.master_key;
    LJ_ASSIGN(std::unique_ptr<Store> store, Store::Open(std::move(plan->schema), opened));
    Printer printer(*store, out);
    return store->Read(Caller(), true, [&](Rx& rx) -> absl::Status {
      for (const auto& table : rx.schema().tables()) {
        StatementScope rows(
            rx.db().Prepare(absl::StrCat("SELECT body FROM ", table->name, " ORDER BY id")));
        std::unique_ptr<google::protobuf::Message> resource(table->prototype->New());
        while (true) {
          LJ_ASSIGN(bool row, rows->Step());
          if (!row) break;
          LJ_RETURN_IF_ERROR(rx.Parse(*table, rows->Bytes(0), *resource));
          LJ_RETURN_IF_ERROR(printer.Print(*table, *resource, options.personal));
        }
      }
      return printer.Flush();
    });
  }
  return absl::InvalidArgumentError(absl::StrCat("no service \"", options.service, "\""));
}

}  // namespace linjuli
