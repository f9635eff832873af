// Takes the head of a request apart with Boost.Beast's parser, fed from our own buffer.
#ifndef LINJULI_SERVICES_GATEWAY_HEAD_PARSER_H_
#define LINJULI_SERVICES_GATEWAY_HEAD_PARSER_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "services/gateway/framing.h"

namespace linjuli {

// `bytes` are one whole head with its empty line, as HeadScan found it. The views in `head` are
// views of `bytes`. Judges only the form; Frame must follow.
absl::optional<FramingFault> ParseHead(absl::string_view bytes, RequestHead& head);

}  // namespace linjuli

#endif  // LINJULI_SERVICES_GATEWAY_HEAD_PARSER_H_
