#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace tributary {

// What went wrong with the machinery (never with patient data: that is an Issue, see issue.h).
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,   // the caller or the configuration is wrong
  kNotFound,
  kConflict,          // somebody else changed it
  kLimit,             // a size, depth, step or time limit was reached
  kMalformed,         // bytes that do not parse
  kUnavailable,       // a remote end or a resource is not there now
  kTimeout,
  kUnauthorised,
  kRejected,          // a remote end looked at it and said no
  kCorrupt,           // our own state is not what we wrote
  kInternal,
};

// What a caller may do about it. kUnknownOutcome: it may have happened; ask before trying again.
enum class RetryClass : std::uint8_t { kPermanent, kRetryable, kUnknownOutcome };

// `text` is for the operator and must hold no patient data; `public_text` is what an outsider may see.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  RetryClass retry = RetryClass::kPermanent;
  std::string text;
  std::string public_text;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string text, RetryClass retry = RetryClass::kPermanent,
                                   std::string public_text = {}) {
  return std::unexpected(Error{code, retry, std::move(text), std::move(public_text)});
}

}  // namespace tributary

// Early return for Result-valued expressions; the statement form keeps call sites flat.
#define TRIBUTARY_CONCAT_INNER(a, b) a##b
#define TRIBUTARY_CONCAT(a, b) TRIBUTARY_CONCAT_INNER(a, b)
#define TRIBUTARY_TRY_VOID(name, expression)              \
  do {                                                    \
    if (auto name = (expression); !name) {                \
      return std::unexpected(std::move(name).error());    \
    }                                                     \
  } while (false)
// The counter keeps a use inside a lambda inside a use from shadowing the outer one.
#define TRY_VOID(expression) TRIBUTARY_TRY_VOID(TRIBUTARY_CONCAT(try_result_, __COUNTER__), expression)
#define TRY_ASSIGN(target, expression)                                                    \
  auto TRIBUTARY_CONCAT(try_value_, __LINE__) = (expression);                             \
  if (!TRIBUTARY_CONCAT(try_value_, __LINE__)) {                                          \
    return std::unexpected(std::move(TRIBUTARY_CONCAT(try_value_, __LINE__)).error());    \
  }                                                                                       \
  target = std::move(*TRIBUTARY_CONCAT(try_value_, __LINE__))
