// Writes JSON text in order, for the documents that are no protobuf message: errors and OpenAPI.
#ifndef LINJULI_SERVICES_GATEWAY_JSON_WRITER_H_
#define LINJULI_SERVICES_GATEWAY_JSON_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace linjuli {

// Commas are the writer's affair; that keys and values alternate is the caller's.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(absl::string_view key);
  JsonWriter& String(absl::string_view text);
  JsonWriter& Int(std::int64_t number);
  JsonWriter& Bool(bool value);
  // JSON text that is right already.
  JsonWriter& Raw(absl::string_view json);

  // Key and value at once.
  JsonWriter& Field(absl::string_view key, absl::string_view text) { return Key(key).String(text); }
  JsonWriter& Field(absl::string_view key, const char* text) { return Key(key).String(text); }
  JsonWriter& Field(absl::string_view key, std::int64_t number) { return Key(key).Int(number); }
  JsonWriter& Field(absl::string_view key, int number) { return Key(key).Int(number); }
  JsonWriter& Field(absl::string_view key, bool value) { return Key(key).Bool(value); }

  std::string Take() { return std::move(text_); }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string text_;
};

// Appends `text` as a JSON string, with quotes. Invalid UTF-8 becomes U+FFFD.
void AppendJsonString(absl::string_view text, std::string& out);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_JSON_WRITER_H_
