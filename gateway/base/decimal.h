#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tributary {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

// An exact base-10 number: mantissa / 10^scale. At most 38 significant digits; what does not fit is
// std::nullopt, never a rounded or wrapped value (division and explicit rounding apart). The precision as
// written is kept: "1.10" has scale 2. Trivially copyable; nothing here allocates but toString.
class Decimal {
 public:
  static constexpr int kMaxDigits = 38;
  static constexpr int kDivisionScale = 20;          // digits behind the point that a quotient keeps at most
  static constexpr std::size_t kMaxTextLength = 80;  // of format()

  constexpr Decimal() = default;
  constexpr Decimal(std::int64_t value) : mantissa_(value) {}  // NOLINT: integers convert implicitly
  constexpr Decimal(Int128 mantissa, std::uint8_t scale) : mantissa_(mantissa), scale_(scale) {}

  // [+-]digits[.digits][(e|E)[+-]digits], the whole text; std::nullopt when malformed or out of range.
  static std::optional<Decimal> parse(std::string_view text);

  constexpr Int128 mantissa() const { return mantissa_; }
  constexpr int scale() const { return scale_; }
  constexpr bool negative() const { return mantissa_ < 0; }
  constexpr bool zero() const { return mantissa_ == 0; }
  bool integral() const;  // no fraction, whatever the scale: 1.00 is integral
  int digits() const;     // significant digits of the mantissa; 1 for zero

  std::optional<Decimal> plus(const Decimal& other) const;
  std::optional<Decimal> minus(const Decimal& other) const;
  std::optional<Decimal> times(const Decimal& other) const;
  // Exact when it terminates within kDivisionScale, else rounded half away from zero there; trailing zeros
  // are dropped. std::nullopt on division by zero or overflow.
  std::optional<Decimal> dividedBy(const Decimal& other) const;
  std::optional<Decimal> integerDividedBy(const Decimal& other) const;  // truncated
  std::optional<Decimal> modulo(const Decimal& other) const;            // sign of the dividend
  Decimal negated() const { return {-mantissa_, scale_}; }

  // To `scale` digits behind the point. round is half away from zero.
  Decimal rounded(int scale) const;
  Decimal floored(int scale) const;    // towards minus infinity
  Decimal ceiled(int scale) const;     // towards plus infinity
  Decimal truncated(int scale) const;  // towards zero
  std::optional<Decimal> rescaled(
      int scale) const;        // exact: only adds zeros, or drops zeros; else std::nullopt
  Decimal normalised() const;  // without trailing zeros behind the point

  std::optional<std::int64_t> toInteger() const;  // std::nullopt when not integral or out of range
  double toDouble() const;
  static std::optional<Decimal> fromDouble(double value);  // shortest text that reads back the same

  // Numeric order: 1.10 equals 1.1.
  friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) { return compare(a, b); }
  friend bool operator==(const Decimal& a, const Decimal& b) {
    return compare(a, b) == std::strong_ordering::equal;
  }

  // Writes plain notation (no exponent), scale kept; returns the part of `buffer` used. Needs kMaxTextLength
  // bytes.
  std::string_view format(std::span<char> buffer) const;
  std::string toString() const;

 private:
  static std::strong_ordering compare(const Decimal& a, const Decimal& b);

  Int128 mantissa_ = 0;
  std::uint8_t scale_ = 0;
};

}  // namespace tributary
