#include "common/rpc/page_token.h"

#include <cstring>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/changes/log.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr size_t kBindingBytes = 8;

}  // namespace

std::string EncodePageToken(int64_t place, absl::string_view binding) {
  std::string bytes(sizeof(place), '\0');
  std::memcpy(bytes.data(), &place, sizeof(place));
  return absl::WebSafeBase64Escape(bytes + std::string(binding));
}

absl::StatusOr<int64_t> DecodePageToken(absl::string_view token, absl::string_view binding) {
  std::string bytes;
  int64_t place = 0;
  if (!absl::WebSafeBase64Unescape(token, &bytes) ||
      bytes.size() != sizeof(place) + binding.size() ||
      absl::string_view(bytes).substr(sizeof(place)) != binding) {
    return RefuseFields({{"page_token", "PAGE_TOKEN",
                          "belongs to another list; send it with the same filters, or begin "
                          "without one"}});
  }
  std::memcpy(&place, bytes.data(), sizeof(place));
  return place;
}

std::string PageBinding(const google::protobuf::MethodDescriptor* method, const Caller& caller,
                        const google::protobuf::Message& request) {
  std::unique_ptr<google::protobuf::Message> bare(request.New());
  bare->CopyFrom(request);
  for (const char* name : {"page_size", "page_token"}) {
    if (const auto* field = bare->GetDescriptor()->FindFieldByName(name)) {
      bare->GetReflection()->ClearField(bare.get(), field);
    }
  }
  return Sha256(absl::StrCat(method->full_name(), "\n", caller.subject, "\n",
                             bare->SerializeAsString()))
      .substr(0, kBindingBytes);
}

}  // namespace linjuli
