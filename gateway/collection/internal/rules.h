#pragma once
#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "collection/collection.h"

namespace re2 {
class RE2;
}

namespace tributary::collection {

inline constexpr std::uint16_t kNoField = 0xFFFF;
inline constexpr std::uint16_t kNoTable = 0xFFFF;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// A pattern that must fit a whole cell: "[class]{m,n}" is checked by a bitmap, anything else by RE2.
class Pattern {
 public:
  static std::optional<Pattern> compile(std::string_view text);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();
  bool matches(std::string_view cell) const;

 private:
  Pattern();
  std::bitset<256> allowed_;
  std::size_t least_ = 0, most_ = 0;
  std::unique_ptr<re2::RE2> regex_;
};

enum class RuleKind : std::uint8_t {
  kMandatory,
  kFormat,
  kCode,
  kPattern,
  kCheckDigit,
  kEquals,
  kDomain,    // of a number, by the code in another cell
  kImplies,   // conditions on the cells of the row
  kCompare,   // dates
  kCalendar,  // first or last day of a month
  kParent,
  kUnique,
  kSingle,    // at most one row of a group where the conditions hold
  kDistinct,  // over the whole file
  kRange,     // a whole number between two bounds
  kSum,       // a whole number that is the sum of others
  kAtMost,    // a whole number that is no greater than another
};
std::optional<RuleKind> ruleKind(std::string_view name);

enum class Form : std::uint8_t { kAlphanumeric, kNumeric, kDecimal, kDate, kTime, kDateTime };

struct Condition {
  std::uint16_t field = kNoField;
  enum class Test : std::uint8_t { kPresent, kAbsent, kIn, kMatches } test = Test::kPresent;
  std::vector<std::string> values;
  std::shared_ptr<const Pattern> pattern;
};

enum class Anchor : std::uint8_t { kField, kParentField, kWindowStart, kWindowEnd, kCreated };

struct Domain {
  std::int64_t least = 0, most = 0;
  unsigned decimals = 0;
};

// One check. Only the members of its kind mean something.
struct Check {
  RuleKind kind = RuleKind::kMandatory;
  std::uint32_t rule = 0;  // index into Collection::rules()
  Grade grade = Grade::kWarning;
  std::uint16_t field = kNoField;

  Form form = Form::kAlphanumeric;         // format
  std::int64_t range_least = 0, range_most = 0;  // range
  std::uint32_t least = 0, most = 0;       // format: length; decimal: digits before and behind the point
  std::shared_ptr<const TextSet> codes;    // code
  std::uint32_t prefix = 0;                // code: only so many characters count; 0: all
  std::shared_ptr<const Pattern> pattern;  // pattern
  std::string value;                       // equals; check-digit: the algorithm
  std::vector<std::string> barred;         // check-digit, sorted
  std::uint16_t other = kNoField;          // compare, domain, calendar: field of this or the parent's table
  std::uint16_t other_table = kNoTable;    // compare, parent
  std::uint16_t parent_check = kNoField;   // compare: which parent link leads there, index into links
  Anchor anchor = Anchor::kField;
  bool not_before = false;            // compare; calendar: first of month
  std::int32_t days = 0, years = 0;   // compare: added to the other date
  bool optional = false;              // parent: an empty cell asks for none
  std::vector<Condition> when, then;  // implies, single
  std::vector<std::uint16_t> by;      // single; sum: what is added up, an empty cell counts nothing
  std::shared_ptr<const std::unordered_map<std::string, Domain, TextHash, std::equal_to<>>> domains;

  bool needsWindow() const {
    return kind == RuleKind::kCompare &&
           (anchor == Anchor::kWindowStart || anchor == Anchor::kWindowEnd || anchor == Anchor::kCreated);
  }
};

bool holds(const Condition& condition, std::span<const std::string_view> cells);
// Does a non-empty cell fit? For the kinds that look at one cell only.
bool cellFits(const Check& check, std::string_view cell);
// A number against the domain published for a code; a code without one takes any.
bool scoreFits(const Check& check, std::string_view code, std::string_view cell);
bool modulus11(std::string_view digits);
// Whole numbers of a row: sum and at-most. An empty cell asks for nothing.
bool numbersFit(const Check& check, std::span<const std::string_view> cells);
// The cell as a whole number, with a sign or without; nullopt for anything else.
std::optional<std::int64_t> wholeNumber(std::string_view cell);
// Days since 1970-01-01 of "CCYY-MM-DD…"; nullopt when that is no date.
std::optional<std::int32_t> dayNumber(std::string_view text);
bool isDate(std::string_view text);

}  // namespace tributary::collection
