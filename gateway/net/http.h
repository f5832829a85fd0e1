#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary::net {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions };

std::string_view methodName(Method method);
std::optional<Method> parseMethod(std::string_view name);  // case-sensitive, RFC 9110 9.1
// RFC 9110 9.2.2: sending it twice has the effect of sending it once.
constexpr bool isIdempotent(Method method) {
  return method != Method::kPost && method != Method::kPatch;
}

// Header fields in the order in which they came. Names compare without case (RFC 9110 5.1).
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);  // replaces all fields of that name
  void remove(std::string_view name);
  // The first value, "" where there is none. The view lives as long as the field.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;

  bool empty() const { return fields_.empty(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

bool equalsIgnoreCase(std::string_view a, std::string_view b);
// The media type without parameters, in lower case: "application/fhir+json".
std::string mediaType(std::string_view content_type);
// RFC 9110 15, "" for a code that is not registered.
std::string_view reasonPhrase(int status);

}  // namespace tributary::net
