#include "fhirpath/internal/functions.h"

#include <algorithm>
#include <array>

#include "fhirpath/program.h"

namespace tributary::fhirpath {
namespace {

using enum FunctionId;
using I = InputKind;
using R = ResultKind;
using C = Cardinality;

// In the order of FunctionId.
// id, name, arguments (least, most), lambda arguments, type argument, input, result, cardinality, pure,
// national
constexpr FunctionInfo kFunctions[] = {
    {kEmpty, "empty", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "empty()"},
    {kExists, "exists", 0, 1, 1, false, I::kAny, R::kBoolean, C::kOne, true, false, "exists([criteria])"},
    {kAll, "all", 1, 1, 1, false, I::kAny, R::kBoolean, C::kOne, true, false, "all(criteria)"},
    {kAllTrue, "allTrue", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "allTrue()"},
    {kAnyTrue, "anyTrue", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "anyTrue()"},
    {kAllFalse, "allFalse", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "allFalse()"},
    {kAnyFalse, "anyFalse", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "anyFalse()"},
    {kSubsetOf, "subsetOf", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "subsetOf(other)"},
    {kSupersetOf, "supersetOf", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "supersetOf(other)"},
    {kCount, "count", 0, 0, 0, false, I::kAny, R::kInteger, C::kOne, true, false, "count()"},
    {kDistinct, "distinct", 0, 0, 0, false, I::kAny, R::kSame, C::kSame, true, false, "distinct()"},
    {kIsDistinct, "isDistinct", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "isDistinct()"},
    {kNot, "not", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "not()"},
    {kWhere, "where", 1, 1, 1, false, I::kAny, R::kSame, C::kSame, true, false, "where(criteria)"},
    {kSelect, "select", 1, 1, 1, false, I::kAny, R::kSpecial, C::kMany, true, false, "select(projection)"},
    {kRepeat, "repeat", 1, 1, 1, false, I::kAny, R::kSpecial, C::kMany, true, false, "repeat(projection)"},
    {kRepeatAll, "repeatAll", 1, 1, 1, false, I::kAny, R::kSpecial, C::kMany, true, false,
     "repeatAll(projection)"},
    {kOfType, "ofType", 1, 1, 0, true, I::kAny, R::kSpecial, C::kSame, true, false, "ofType(type)"},
    {kSingle, "single", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "single()"},
    {kFirst, "first", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "first()"},
    {kLast, "last", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "last()"},
    {kTail, "tail", 0, 0, 0, false, I::kAny, R::kSame, C::kSame, true, false, "tail()"},
    {kSkip, "skip", 1, 1, 0, false, I::kAny, R::kSame, C::kSame, true, false, "skip(count)"},
    {kTake, "take", 1, 1, 0, false, I::kAny, R::kSame, C::kSame, true, false, "take(count)"},
    {kIntersect, "intersect", 1, 1, 0, false, I::kAny, R::kSame, C::kSame, true, false, "intersect(other)"},
    {kExclude, "exclude", 1, 1, 0, false, I::kAny, R::kSame, C::kSame, true, false, "exclude(other)"},
    {kUnion, "union", 1, 1, 0, false, I::kAny, R::kSpecial, C::kMany, true, false, "union(other)"},
    {kCombine, "combine", 1, 2, 0, false, I::kAny, R::kSpecial, C::kMany, true, false, "combine(other)"},
    {kCoalesce, "coalesce", 1, 32, 0, false, I::kAny, R::kSpecial, C::kMany, true, false,
     "coalesce(value, …)"},
    {kIif, "iif", 2, 3, 7, false, I::kAny, R::kSpecial, C::kMany, true, false,
     "iif(criterion, true-result [, otherwise-result])"},
    {kToBoolean, "toBoolean", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "toBoolean()"},
    {kConvertsToBoolean, "convertsToBoolean", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToBoolean()"},
    {kToInteger, "toInteger", 0, 0, 0, false, I::kAny, R::kInteger, C::kOne, true, false, "toInteger()"},
    {kConvertsToInteger, "convertsToInteger", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToInteger()"},
    {kToLong, "toLong", 0, 0, 0, false, I::kAny, R::kLong, C::kOne, true, false, "toLong()"},
    {kConvertsToLong, "convertsToLong", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToLong()"},
    {kToDate, "toDate", 0, 0, 0, false, I::kAny, R::kDate, C::kOne, true, false, "toDate()"},
    {kConvertsToDate, "convertsToDate", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToDate()"},
    {kToDateTime, "toDateTime", 0, 0, 0, false, I::kAny, R::kDateTime, C::kOne, true, false, "toDateTime()"},
    {kConvertsToDateTime, "convertsToDateTime", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToDateTime()"},
    {kToDecimal, "toDecimal", 0, 0, 0, false, I::kAny, R::kDecimal, C::kOne, true, false, "toDecimal()"},
    {kConvertsToDecimal, "convertsToDecimal", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToDecimal()"},
    {kToQuantity, "toQuantity", 0, 1, 0, false, I::kAny, R::kQuantity, C::kOne, true, false,
     "toQuantity([unit])"},
    {kConvertsToQuantity, "convertsToQuantity", 0, 1, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToQuantity([unit])"},
    {kToString, "toString", 0, 0, 0, false, I::kAny, R::kString, C::kOne, true, false, "toString()"},
    {kConvertsToString, "convertsToString", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToString()"},
    {kToTime, "toTime", 0, 0, 0, false, I::kAny, R::kTime, C::kOne, true, false, "toTime()"},
    {kConvertsToTime, "convertsToTime", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "convertsToTime()"},
    {kIndexOf, "indexOf", 1, 1, 0, false, I::kString, R::kInteger, C::kOne, true, false,
     "indexOf(substring)"},
    {kLastIndexOf, "lastIndexOf", 1, 1, 0, false, I::kString, R::kInteger, C::kOne, true, false,
     "lastIndexOf(substring)"},
    {kSubstring, "substring", 1, 2, 0, false, I::kString, R::kString, C::kOne, true, false,
     "substring(start [, length])"},
    {kStartsWith, "startsWith", 1, 1, 0, false, I::kString, R::kBoolean, C::kOne, true, false,
     "startsWith(string)"},
    {kEndsWith, "endsWith", 1, 1, 0, false, I::kString, R::kBoolean, C::kOne, true, false,
     "endsWith(string)"},
    {kContains, "contains", 1, 1, 0, false, I::kString, R::kBoolean, C::kOne, true, false,
     "contains(substring)"},
    {kUpper, "upper", 0, 0, 0, false, I::kString, R::kString, C::kOne, true, false, "upper()"},
    {kLower, "lower", 0, 0, 0, false, I::kString, R::kString, C::kOne, true, false, "lower()"},
    {kReplace, "replace", 2, 2, 0, false, I::kString, R::kString, C::kOne, true, false,
     "replace(pattern, substitution)"},
    {kMatches, "matches", 1, 2, 0, false, I::kString, R::kBoolean, C::kOne, true, false,
     "matches(regex [, flags])"},
    {kMatchesFull, "matchesFull", 1, 2, 0, false, I::kString, R::kBoolean, C::kOne, true, false,
     "matchesFull(regex [, flags])"},
    {kReplaceMatches, "replaceMatches", 2, 3, 0, false, I::kString, R::kString, C::kOne, true, false,
     "replaceMatches(regex, substitution)"},
    {kLength, "length", 0, 0, 0, false, I::kString, R::kInteger, C::kOne, true, false, "length()"},
    {kToChars, "toChars", 0, 0, 0, false, I::kString, R::kString, C::kMany, true, false, "toChars()"},
    {kEncode, "encode", 1, 1, 0, false, I::kString, R::kString, C::kOne, true, false, "encode(format)"},
    {kDecode, "decode", 1, 1, 0, false, I::kString, R::kString, C::kOne, true, false, "decode(format)"},
    {kEscape, "escape", 1, 1, 0, false, I::kString, R::kString, C::kOne, true, false, "escape(format)"},
    {kUnescape, "unescape", 1, 1, 0, false, I::kString, R::kString, C::kOne, true, false, "unescape(format)"},
    {kTrim, "trim", 0, 0, 0, false, I::kString, R::kString, C::kOne, true, false, "trim()"},
    {kSplit, "split", 1, 1, 0, false, I::kString, R::kString, C::kMany, true, false, "split(separator)"},
    {kJoin, "join", 0, 1, 0, false, I::kString, R::kString, C::kOne, true, false, "join([separator])"},
    {kAbs, "abs", 0, 0, 0, false, I::kNumber, R::kSame, C::kOne, true, false, "abs()"},
    {kCeiling, "ceiling", 0, 0, 0, false, I::kNumber, R::kInteger, C::kOne, true, false, "ceiling()"},
    {kExp, "exp", 0, 0, 0, false, I::kNumber, R::kDecimal, C::kOne, true, false, "exp()"},
    {kFloor, "floor", 0, 0, 0, false, I::kNumber, R::kInteger, C::kOne, true, false, "floor()"},
    {kLn, "ln", 0, 0, 0, false, I::kNumber, R::kDecimal, C::kOne, true, false, "ln()"},
    {kLog, "log", 1, 1, 0, false, I::kNumber, R::kDecimal, C::kOne, true, false, "log(base)"},
    {kPower, "power", 1, 1, 0, false, I::kNumber, R::kUnknown, C::kOne, true, false, "power(exponent)"},
    {kRound, "round", 0, 1, 0, false, I::kNumber, R::kUnknown, C::kOne, true, false, "round([precision])"},
    {kSqrt, "sqrt", 0, 0, 0, false, I::kNumber, R::kDecimal, C::kOne, true, false, "sqrt()"},
    {kTruncate, "truncate", 0, 0, 0, false, I::kNumber, R::kInteger, C::kOne, true, false, "truncate()"},
    {kNow, "now", 0, 0, 0, false, I::kAny, R::kDateTime, C::kOne, false, false, "now()"},
    {kToday, "today", 0, 0, 0, false, I::kAny, R::kDate, C::kOne, false, false, "today()"},
    {kTimeOfDay, "timeOfDay", 0, 0, 0, false, I::kAny, R::kTime, C::kOne, false, false, "timeOfDay()"},
    {kLowBoundary, "lowBoundary", 0, 1, 0, false, I::kAny, R::kSpecial, C::kOne, true, false,
     "lowBoundary([precision])"},
    {kHighBoundary, "highBoundary", 0, 1, 0, false, I::kAny, R::kSpecial, C::kOne, true, false,
     "highBoundary([precision])"},
    {kPrecision, "precision", 0, 0, 0, false, I::kAny, R::kInteger, C::kOne, true, false, "precision()"},
    {kYearOf, "yearOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "yearOf()"},
    {kMonthOf, "monthOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "monthOf()"},
    {kDayOf, "dayOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "dayOf()"},
    {kHourOf, "hourOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "hourOf()"},
    {kMinuteOf, "minuteOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "minuteOf()"},
    {kSecondOf, "secondOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false, "secondOf()"},
    {kMillisecondOf, "millisecondOf", 0, 0, 0, false, I::kTemporal, R::kInteger, C::kOne, true, false,
     "millisecondOf()"},
    {kTimezoneOffsetOf, "timezoneOffsetOf", 0, 0, 0, false, I::kTemporal, R::kDecimal, C::kOne, true, false,
     "timezoneOffsetOf()"},
    {kDateOf, "dateOf", 0, 0, 0, false, I::kTemporal, R::kDate, C::kOne, true, false, "dateOf()"},
    {kTimeOf, "timeOf", 0, 0, 0, false, I::kTemporal, R::kTime, C::kOne, true, false, "timeOf()"},
    {kChildren, "children", 0, 0, 0, false, I::kAny, R::kSpecial, C::kMany, true, false, "children()"},
    {kDescendants, "descendants", 0, 0, 0, false, I::kAny, R::kSpecial, C::kMany, true, false,
     "descendants()"},
    {kTrace, "trace", 1, 2, 2, false, I::kAny, R::kSame, C::kSame, false, false,
     "trace(name [, projection])"},
    {kDefineVariable, "defineVariable", 1, 2, 2, false, I::kAny, R::kSame, C::kSame, false, false,
     "defineVariable(name [, value])"},
    {kSort, "sort", 0, 32, 0xFFFFFFFF, false, I::kAny, R::kSame, C::kSame, true, false, "sort([key, …])"},
    {kAggregate, "aggregate", 1, 2, 1, false, I::kAny, R::kUnknown, C::kMany, true, false,
     "aggregate(aggregator [, init])"},
    {kSum, "sum", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "sum()"},
    {kMin, "min", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "min()"},
    {kMax, "max", 0, 0, 0, false, I::kAny, R::kSame, C::kOne, true, false, "max()"},
    {kAvg, "avg", 0, 0, 0, false, I::kAny, R::kUnknown, C::kOne, true, false, "avg()"},
    {kIs, "is", 1, 1, 0, true, I::kAny, R::kBoolean, C::kOne, true, false, "is(type)"},
    {kAs, "as", 1, 1, 0, true, I::kAny, R::kSpecial, C::kSame, true, false, "as(type)"},
    {kType, "type", 0, 0, 0, false, I::kAny, R::kUnknown, C::kSame, true, false, "type()"},
    {kExtension, "extension", 1, 1, 0, false, I::kAny, R::kSpecial, C::kMany, true, false, "extension(url)"},
    {kHasExtension, "hasExtension", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "hasExtension(url)"},
    {kHasValue, "hasValue", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "hasValue()"},
    {kGetValue, "getValue", 0, 0, 0, false, I::kAny, R::kSpecial, C::kOne, true, false, "getValue()"},
    {kResolve, "resolve", 0, 0, 0, false, I::kAny, R::kSpecial, C::kSame, false, false, "resolve()"},
    {kMemberOf, "memberOf", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, false, false,
     "memberOf(valueset)"},
    {kSubsumes, "subsumes", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, false, false, "subsumes(code)"},
    {kSubsumedBy, "subsumedBy", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, false, false,
     "subsumedBy(code)"},
    {kConformsTo, "conformsTo", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, false, false,
     "conformsTo(profile)"},
    {kHtmlChecks, "htmlChecks", 0, 0, 0, false, I::kAny, R::kBoolean, C::kOne, true, false, "htmlChecks()"},
    {kElementDefinition, "elementDefinition", 0, 0, 0, false, I::kAny, R::kSpecial, C::kSame, false, false,
     "elementDefinition()"},
    {kSlice, "slice", 2, 2, 0, false, I::kAny, R::kSame, C::kSame, false, false, "slice(structure, name)"},
    {kCheckModifiers, "checkModifiers", 0, 32, 0, false, I::kAny, R::kSame, C::kSame, false, false,
     "checkModifiers(modifier, …)"},
    {kComparable, "comparable", 1, 1, 0, false, I::kAny, R::kBoolean, C::kOne, true, false,
     "comparable(quantity)"},
    {kGetResourceKey, "getResourceKey", 0, 0, 0, false, I::kAny, R::kString, C::kOne, false, false,
     "getResourceKey()"},
    {kGetReferenceKey, "getReferenceKey", 0, 1, 0, true, I::kAny, R::kString, C::kSame, false, false,
     "getReferenceKey([type])"},
    {kExpand, "expand", 1, 2, 0, false, I::kAny, R::kUnknown, C::kOne, false, false,
     "expand(valueSet [, params])"},
    {kLookup, "lookup", 1, 2, 0, false, I::kAny, R::kUnknown, C::kOne, false, false,
     "lookup(coded [, params])"},
    {kValidateVS, "validateVS", 2, 3, 0, false, I::kAny, R::kUnknown, C::kOne, false, false,
     "validateVS(valueSet, coded [, params])"},
    {kValidateCS, "validateCS", 2, 3, 0, false, I::kAny, R::kUnknown, C::kOne, false, false,
     "validateCS(codeSystem, coded [, params])"},
    {kServiceSubsumes, "subsumes", 3, 4, 0, false, I::kAny, R::kString, C::kOne, false, false,
     "subsumes(system, coded1, coded2 [, params])"},
    {kServiceTranslate, "translate", 2, 3, 0, false, I::kAny, R::kUnknown, C::kOne, false, false,
     "translate(conceptMap, coded [, params])"},
    {kTranslate, "translate", 1, 3, 0, false, I::kAny, R::kString, C::kSame, false, true,
     "translate(conceptMap [, 'code'|'display'|'system'])"},
};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < std::size(kFunctions); ++i) {
    if (static_cast<std::size_t>(kFunctions[i].id) != i) return false;
  }
  return true;
}
static_assert(inOrder());

bool ofService(FunctionId id) {
  return id >= kExpand && id <= kServiceTranslate;
}

}  // namespace

const FunctionInfo* findFunction(std::string_view name, bool service) {
  for (const FunctionInfo& info : kFunctions) {
    if (info.name == name && ofService(info.id) == service) return &info;
  }
  return nullptr;
}

const FunctionInfo& functionInfo(FunctionId id) {
  return kFunctions[static_cast<std::size_t>(id)];
}

std::string_view nearestFunction(std::string_view name) {
  std::string_view best;
  unsigned best_distance = name.size() < 4 ? 2 : 3;
  for (const FunctionInfo& info : kFunctions) {
    const unsigned distance = editDistance(name, info.name, best_distance);
    if (distance < best_distance) {
      best_distance = distance;
      best = info.name;
    }
  }
  return best;
}

std::vector<std::string_view> functionSignatures(bool national) {
  std::vector<std::string_view> out;
  for (const FunctionInfo& info : kFunctions) {
    if (ofService(info.id) || info.id == kElementDefinition || (info.national && !national)) continue;
    out.push_back(info.signature);
  }
  std::ranges::sort(out);
  return out;
}

unsigned editDistance(std::string_view a, std::string_view b, unsigned ceiling) {
  if (a.size() > 64 || b.size() > 64) return ceiling;
  std::array<std::array<unsigned, 65>, 3> rows{};
  for (unsigned j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& higher = rows[(i + 1) % 3];
    row[0] = static_cast<unsigned>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + same});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], higher[j - 2] + 1);
    }
  }
  return std::min(rows[a.size() % 3][b.size()], ceiling);
}

}  // namespace tributary::fhirpath
