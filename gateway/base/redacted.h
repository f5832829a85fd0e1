#pragma once
#include <utility>

namespace tributary {

// Patient data that must not reach a log, a metric or a trace. It has no stream operator, no formatter and no
// implicit conversion, so `log(redacted)` does not compile; reading it takes a visible call to reveal().
template <class T>
class Redacted {
 public:
  Redacted() = default;
  explicit Redacted(T value) : value_(std::move(value)) {}

  const T& reveal() const& { return value_; }
  T reveal() && { return std::move(value_); }

  friend bool operator==(const Redacted&, const Redacted&) = default;

 private:
  T value_{};
};

}  // namespace tributary
