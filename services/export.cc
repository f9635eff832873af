#include "services/export.h"

#include "absl/strings/str_cat.h"
#include "common/json/codec.h"
#include "common/rpc/plan.h"
#include "common/store/store.h"
#include "services/services.h"

namespace linjuli {

absl::Status Export(const std::string& data_dir, const std::string& service, std::ostream& out) {
  for (const auto& entry : AllServices()) {
    if (entry.name != service) continue;
    LJ_ASSIGN(std::unique_ptr<ServicePlan> plan, ServicePlan::From(entry.spec()));
    StoreOptions options;
    options.path = absl::StrCat(data_dir, "/", service, ".db");
    options.service = service;
    options.migrations = entry.spec().migrations;
    LJ_ASSIGN(std::unique_ptr<Store> store, Store::Open(std::move(plan->schema), options));
    return store->Read(Caller(), true, [&](Rx& rx) -> absl::Status {
      for (const auto& table : rx.schema().tables()) {
        StatementScope rows(
            rx.db().Prepare(absl::StrCat("SELECT body FROM ", table->name, " ORDER BY id")));
        std::unique_ptr<google::protobuf::Message> resource(table->prototype->New());
        while (true) {
          LJ_ASSIGN(bool row, rows->Step());
          if (!row) break;
          LJ_CHECK(resource->ParseFromString(rows->Text(0)));
          std::string json;
          PrintJson(*resource, json);
          out << "{\"type\":\"" << table->type->full_name() << "\",\"resource\":" << json << "}\n";
        }
      }
      return absl::OkStatus();
    });
  }
  return absl::InvalidArgumentError(absl::StrCat("no service \"", service, "\""));
}

}  // namespace linjuli
