#include "services/services.h"

#include "services/needs_intake/service.h"
#include "services/privacy/service.h"

namespace linjuli {

const std::vector<ServiceEntry>& AllServices() {
  static const auto* const services = new std::vector<ServiceEntry>{
      {"needs_intake", needs_intake::NeedsIntake, needs_intake::Needs},
      {"privacy", privacy::Privacy, privacy::Needs},
  };
  return *services;
}

StandardNeeds AllNeeds() {
  StandardNeeds all;
  auto add = [](std::vector<std::string>& to, const std::vector<std::string>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  for (const auto& service : AllServices()) {
    StandardNeeds needs = service.needs();
    add(all.clocks, needs.clocks);
    add(all.limits, needs.limits);
    add(all.texts, needs.texts);
  }
  return all;
}

}  // namespace linjuli
