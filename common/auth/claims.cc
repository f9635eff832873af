#include "common/auth/claims.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/auth/role_names.h"
#include "common/auth/strict_json.h"
#include "common/status.h"

namespace linjuli {
namespace {

constexpr int kMaxSubjectChars = 128;
constexpr int kMaxOrganizationChars = 64;
constexpr int64_t kEndOfYear9999 = 253402300799;

// Code points of text that the parser has found to be UTF-8.
int CountChars(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

absl::StatusOr<std::string> ReadIdentifier(const simdjson::dom::element& claim,
                                           absl::string_view name, int max_chars) {
  auto text = AsString(claim);
  if (!text || text->empty() || CountChars(*text) > max_chars || HasControls(*text)) {
    return RefuseToken(absl::StrCat("the claim ", name, " must be a text of 1 to ", max_chars,
                                    " characters without control characters"));
  }
  return std::string(*text);
}

absl::StatusOr<absl::Time> ReadTime(const simdjson::dom::element& claim, absl::string_view name) {
  int64_t seconds;
  if (claim.get(seconds) || seconds < 0 || seconds > kEndOfYear9999) {
    return RefuseToken(absl::StrCat("the claim ", name, " must be whole seconds since 1970"));
  }
  return absl::FromUnixSeconds(seconds);
}

// A claim that is a string, or an array of strings.
absl::StatusOr<std::vector<absl::string_view>> ReadTexts(const simdjson::dom::element& claim,
                                                         absl::string_view name) {
  if (auto text = AsString(claim)) return std::vector<absl::string_view>{*text};
  simdjson::dom::array list;
  std::vector<absl::string_view> texts;
  bool strings = !claim.get(list);
  if (strings) {
    for (auto entry : list) {
      auto text = AsString(entry);
      strings &= text.has_value();
      texts.push_back(text.value_or(""));
    }
  }
  if (!strings) {
    return RefuseToken(absl::StrCat("the claim ", name, " must be a string or an array of them"));
  }
  return texts;
}

absl::Status CheckAudience(const simdjson::dom::object& claims, absl::string_view audience) {
  auto claim = Member(claims, "aud");
  if (!claim) return RefuseToken("the claim aud is missing");
  LJ_ASSIGN(auto audiences, ReadTexts(*claim, "aud"));
  if (std::find(audiences.begin(), audiences.end(), audience) == audiences.end()) {
    return RefuseToken("it is meant for another audience");
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ReadRoles(const simdjson::dom::element& claim) {
  simdjson::dom::array list;
  if (claim.get(list)) return RefuseToken("the claim roles must be an array of role names");
  uint32_t roles = 0;
  for (auto entry : list) {
    auto role = ParseRole(AsString(entry).value_or(""));
    if (!role) return RefuseToken("the claim roles has an entry that names no role");
    roles |= 1u << *role;
  }
  return roles;
}

absl::StatusOr<std::vector<std::string>> ReadAreas(const simdjson::dom::element& claim) {
  LJ_ASSIGN(auto codes, ReadTexts(claim, "area"));
  std::vector<std::string> areas;
  for (absl::string_view code : codes) {
    if (code.size() < 2 || code.size() > 12 ||
        !std::all_of(code.begin(), code.end(), absl::ascii_isdigit)) {
      return RefuseToken("the claim area must hold division codes of 2 to 12 digits");
    }
    areas.emplace_back(code);
  }
  return areas;
}

}  // namespace

absl::Status RefuseToken(absl::string_view why) {
  return Refuse(absl::StatusCode::kUnauthenticated, "TOKEN",
                absl::StrCat("the token is refused: ", why));
}

absl::StatusOr<Claims> ReadClaims(absl::string_view json, absl::string_view issuer,
                                  absl::string_view audience) {
  simdjson::dom::parser parser;
  auto object = ParseObject(parser, json);
  if (!object.ok()) return RefuseToken(absl::StrCat("its payload ", object.status().message()));
  auto iss = Member(*object, "iss");
  if (!iss) return RefuseToken("the claim iss is missing");
  if (AsString(*iss) != issuer) return RefuseToken("it comes from another issuer");
  LJ_RETURN_IF_ERROR(CheckAudience(*object, audience));

  auto caller = std::make_shared<Caller>();
  auto sub = Member(*object, "sub");
  if (!sub) return RefuseToken("the claim sub is missing");
  LJ_ASSIGN(caller->subject, ReadIdentifier(*sub, "sub", kMaxSubjectChars));
  auto exp = Member(*object, "exp");
  if (!exp) return RefuseToken("the claim exp is missing");
  LJ_ASSIGN(caller->expires, ReadTime(*exp, "exp"));
  if (auto roles = Member(*object, "roles")) {
    LJ_ASSIGN(caller->roles, ReadRoles(*roles));
  }
  if (auto area = Member(*object, "area")) {
    LJ_ASSIGN(caller->areas, ReadAreas(*area));
  }
  if (auto org = Member(*object, "org")) {
    LJ_ASSIGN(caller->organization, ReadIdentifier(*org, "org", kMaxOrganizationChars));
  }
  Claims claims;
  for (const char* name : {"nbf", "iat"}) {
    if (auto claim = Member(*object, name)) {
      LJ_ASSIGN(absl::Time time, ReadTime(*claim, name));
      claims.not_before = std::max(claims.not_before, time);
    }
  }
  claims.caller = std::move(caller);
  return claims;
}

}  // namespace linjuli
