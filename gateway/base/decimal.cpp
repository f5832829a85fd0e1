#include "base/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace tributary {
namespace {

constexpr int kMaxScale = 76;  // more digits behind the point than this are out of range

constexpr std::array<UInt128, 39> makePowers() {
  std::array<UInt128, 39> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}
constexpr std::array<UInt128, 39> kPowers = makePowers();
constexpr UInt128 kLimit = kPowers[38];  // mantissas stay below

UInt128 magnitude(Int128 value) {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

std::optional<Decimal> make(UInt128 size, bool negative, int scale) {
  while (scale > 0 && (size >= kLimit || scale > kMaxScale) && size % 10 == 0) {
    size /= 10;
    --scale;
  }
  if (size >= kLimit || scale > kMaxScale) return std::nullopt;
  const auto mantissa = static_cast<Int128>(size);
  return Decimal(negative ? -mantissa : mantissa, static_cast<std::uint8_t>(scale));
}

// size * 10^power, or nullopt when it does not fit.
std::optional<UInt128> shifted(UInt128 size, int power) {
  if (size == 0) return UInt128{0};
  if (power > 38) return std::nullopt;
  const UInt128 factor = kPowers[static_cast<std::size_t>(power)];
  if (size > (kLimit - 1) / factor) return std::nullopt;
  return size * factor;
}

// Both at one scale; nullopt when that does not fit.
struct Aligned {
  Int128 a, b;
  int scale;
};
std::optional<Aligned> align(const Decimal& a, const Decimal& b) {
  const int scale = std::max(a.scale(), b.scale());
  const auto x = shifted(magnitude(a.mantissa()), scale - a.scale());
  const auto y = shifted(magnitude(b.mantissa()), scale - b.scale());
  if (!x || !y) return std::nullopt;
  return Aligned{a.negative() ? -static_cast<Int128>(*x) : static_cast<Int128>(*x),
                 b.negative() ? -static_cast<Int128>(*y) : static_cast<Int128>(*y), scale};
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  std::size_t i = 0;
  bool negative = false;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) negative = text[i++] == '-';
  UInt128 size = 0;
  int scale = 0;
  int dropped = 0;  // zeros behind the point that did not fit
  bool point = false, any = false;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (point || !any) return std::nullopt;
      point = true;
      if (i + 1 == text.size() || text[i + 1] < '0' || text[i + 1] > '9') return std::nullopt;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    const auto digit = static_cast<unsigned>(c - '0');
    if (size >= kLimit / 10 || dropped > 0) {
      if (!point || digit != 0) return std::nullopt;
      ++dropped;
      continue;
    }
    size = size * 10 + digit;
    if (point) ++scale;
  }
  if (!any) return std::nullopt;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (exponent > 200 || exponent < -200)
      return size == 0 ? std::optional<Decimal>(Decimal()) : std::nullopt;
    scale -= exponent;
    if (scale < 0) {
      const auto grown = shifted(size, -scale);
      if (!grown) return std::nullopt;
      size = *grown;
      scale = 0;
    }
  }
  return make(size, negative, scale);
}

bool Decimal::integral() const {
  if (scale_ == 0) return true;
  if (scale_ > 38) return mantissa_ == 0;
  return magnitude(mantissa_) % kPowers[scale_] == 0;
}

int Decimal::digits() const {
  const UInt128 size = magnitude(mantissa_);
  int count = 1;
  while (count < 39 && size >= kPowers[static_cast<std::size_t>(count)]) ++count;
  return count;
}

std::optional<Decimal> Decimal::plus(const Decimal& other) const {
  auto both = align(*this, other);
  if (!both) both = align(normalised(), other.normalised());
  if (!both) return std::nullopt;
  const Int128 sum = both->a + both->b;  // each below 10^38, so the sum fits
  return make(magnitude(sum), sum < 0, both->scale);
}

std::optional<Decimal> Decimal::minus(const Decimal& other) const {
  return plus(other.negated());
}

std::optional<Decimal> Decimal::times(const Decimal& other) const {
  const auto attempt = [](const Decimal& a, const Decimal& b) -> std::optional<Decimal> {
    const UInt128 x = magnitude(a.mantissa_), y = magnitude(b.mantissa_);
    UInt128 product = 0;
    if (__builtin_mul_overflow(x, y, &product)) return std::nullopt;
    return make(product, a.negative() != b.negative(), a.scale_ + b.scale_);
  };
  if (auto result = attempt(*this, other)) return result;
  return attempt(normalised(), other.normalised());
}

std::optional<Decimal> Decimal::dividedBy(const Decimal& other) const {
  if (other.mantissa_ == 0) return std::nullopt;
  const Decimal divisor = other.normalised();
  UInt128 b = magnitude(divisor.mantissa_);
  int scale = scale_ - divisor.scale_;
  while (b > kPowers[37]) {  // room for one more digit of the remainder
    b /= 10;
    ++scale;
  }
  const UInt128 a = magnitude(mantissa_);
  UInt128 quotient = a / b;
  UInt128 rest = a % b;
  while ((scale < 0 || (rest != 0 && scale < kDivisionScale)) && quotient < kPowers[37]) {
    rest *= 10;
    quotient = quotient * 10 + rest / b;
    rest %= b;
    ++scale;
  }
  if (scale < 0) return std::nullopt;
  if (rest != 0 && rest * 2 >= b) ++quotient;
  const auto result = make(quotient, negative() != other.negative(), scale);
  if (!result) return std::nullopt;
  return result->rounded(std::min(result->scale(), kDivisionScale)).normalised();
}

std::optional<Decimal> Decimal::integerDividedBy(const Decimal& other) const {
  if (other.mantissa_ == 0) return std::nullopt;
  if (const auto both = align(*this, other)) {
    const Int128 quotient = both->a / both->b;
    return make(magnitude(quotient), quotient < 0, 0);
  }
  const auto quotient = dividedBy(other);
  if (!quotient) return std::nullopt;
  return quotient->truncated(0);
}

std::optional<Decimal> Decimal::modulo(const Decimal& other) const {
  if (other.mantissa_ == 0) return std::nullopt;
  const auto both = align(*this, other);
  if (!both) return std::nullopt;
  const Int128 rest = both->a % both->b;
  return make(magnitude(rest), rest < 0, both->scale);
}

namespace {
enum class Mode { kHalfAway, kFloor, kCeiling, kTruncate };

Decimal reduce(const Decimal& value, int scale, Mode mode) {
  if (scale < 0) scale = 0;
  if (scale >= value.scale()) return value;
  const int drop = value.scale() - scale;
  const UInt128 size = magnitude(value.mantissa());
  UInt128 kept = 0;
  bool rest = false, half = false;
  if (drop <= 38) {
    const UInt128 unit = kPowers[static_cast<std::size_t>(drop)];
    kept = size / unit;
    const UInt128 remainder = size % unit;
    rest = remainder != 0;
    half = remainder >= unit - remainder;  // remainder * 2 >= unit, without overflow
    half = half && rest;
  } else {
    rest = size != 0;
  }
  const bool negative = value.negative();
  const bool up = (mode == Mode::kHalfAway && half) || (mode == Mode::kFloor && negative && rest) ||
                  (mode == Mode::kCeiling && !negative && rest);
  if (up) ++kept;
  const auto mantissa = static_cast<Int128>(kept);
  return {negative ? -mantissa : mantissa, static_cast<std::uint8_t>(scale)};
}
}  // namespace

Decimal Decimal::rounded(int scale) const {
  return reduce(*this, scale, Mode::kHalfAway);
}
Decimal Decimal::floored(int scale) const {
  return reduce(*this, scale, Mode::kFloor);
}
Decimal Decimal::ceiled(int scale) const {
  return reduce(*this, scale, Mode::kCeiling);
}
Decimal Decimal::truncated(int scale) const {
  return reduce(*this, scale, Mode::kTruncate);
}

std::optional<Decimal> Decimal::rescaled(int scale) const {
  if (scale < 0 || scale > kMaxScale) return std::nullopt;
  if (scale >= scale_) {
    const auto size = shifted(magnitude(mantissa_), scale - scale_);
    if (!size) return std::nullopt;
    const auto mantissa = static_cast<Int128>(*size);
    return Decimal(negative() ? -mantissa : mantissa, static_cast<std::uint8_t>(scale));
  }
  const Decimal cut = truncated(scale);
  if (cut != *this) return std::nullopt;
  return cut;
}

Decimal Decimal::normalised() const {
  Int128 mantissa = mantissa_;
  std::uint8_t scale = scale_;
  while (scale > 0 && mantissa % 10 == 0) {
    mantissa /= 10;
    --scale;
  }
  return {mantissa, scale};
}

std::optional<std::int64_t> Decimal::toInteger() const {
  if (!integral()) return std::nullopt;
  const Int128 value = truncated(0).mantissa_;
  if (value < INT64_MIN || value > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

double Decimal::toDouble() const {
  std::array<char, kMaxTextLength> buffer{};
  const std::string_view digits = format(buffer);
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::optional<Decimal> Decimal::fromDouble(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  std::array<char, 40> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  if (error != std::errc{}) return std::nullopt;
  return parse({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
}

std::strong_ordering Decimal::compare(const Decimal& a, const Decimal& b) {
  if (a.scale_ == b.scale_) return a.mantissa_ <=> b.mantissa_;
  const int sign_a = (a.mantissa_ > 0) - (a.mantissa_ < 0);
  const int sign_b = (b.mantissa_ > 0) - (b.mantissa_ < 0);
  if (sign_a != sign_b || sign_a == 0) return sign_a <=> sign_b;
  if (const auto both = align(a, b)) return both->a <=> both->b;
  // The one with fewer digits behind the point does not fit at the other's scale: it is the larger in size.
  const bool a_larger = a.scale_ < b.scale_;
  return (a_larger == (sign_a > 0)) ? std::strong_ordering::greater : std::strong_ordering::less;
}

std::string_view Decimal::format(std::span<char> buffer) const {
  std::array<char, 128> digits;  // filled from the end
  std::size_t at = digits.size();
  UInt128 size = magnitude(mantissa_);
  int written = 0;
  do {
    digits[--at] = static_cast<char>('0' + static_cast<int>(size % 10));
    size /= 10;
    if (++written == scale_) digits[--at] = '.';
  } while (size != 0 || written <= scale_);
  if (negative()) digits[--at] = '-';
  const std::size_t length = std::min(digits.size() - at, buffer.size());
  std::copy_n(digits.data() + at, length, buffer.data());
  return {buffer.data(), length};
}

std::string Decimal::toString() const {
  std::array<char, kMaxTextLength> buffer;
  return std::string(format(buffer));
}

}  // namespace tributary
