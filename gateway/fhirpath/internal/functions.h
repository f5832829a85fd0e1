#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::fhirpath {

enum class FunctionId : std::uint8_t {
  // existence
  kEmpty,
  kExists,
  kAll,
  kAllTrue,
  kAnyTrue,
  kAllFalse,
  kAnyFalse,
  kSubsetOf,
  kSupersetOf,
  kCount,
  kDistinct,
  kIsDistinct,
  kNot,
  // filtering and projection
  kWhere,
  kSelect,
  kRepeat,
  kRepeatAll,
  kOfType,
  // subsetting
  kSingle,
  kFirst,
  kLast,
  kTail,
  kSkip,
  kTake,
  kIntersect,
  kExclude,
  // combining
  kUnion,
  kCombine,
  kCoalesce,
  // conversion
  kIif,
  kToBoolean,
  kConvertsToBoolean,
  kToInteger,
  kConvertsToInteger,
  kToLong,
  kConvertsToLong,
  kToDate,
  kConvertsToDate,
  kToDateTime,
  kConvertsToDateTime,
  kToDecimal,
  kConvertsToDecimal,
  kToQuantity,
  kConvertsToQuantity,
  kToString,
  kConvertsToString,
  kToTime,
  kConvertsToTime,
  // strings
  kIndexOf,
  kLastIndexOf,
  kSubstring,
  kStartsWith,
  kEndsWith,
  kContains,
  kUpper,
  kLower,
  kReplace,
  kMatches,
  kMatchesFull,
  kReplaceMatches,
  kLength,
  kToChars,
  kEncode,
  kDecode,
  kEscape,
  kUnescape,
  kTrim,
  kSplit,
  kJoin,
  // mathematics
  kAbs,
  kCeiling,
  kExp,
  kFloor,
  kLn,
  kLog,
  kPower,
  kRound,
  kSqrt,
  kTruncate,
  // dates and boundaries
  kNow,
  kToday,
  kTimeOfDay,
  kLowBoundary,
  kHighBoundary,
  kPrecision,
  kYearOf,
  kMonthOf,
  kDayOf,
  kHourOf,
  kMinuteOf,
  kSecondOf,
  kMillisecondOf,
  kTimezoneOffsetOf,
  kDateOf,
  kTimeOf,
  // tree
  kChildren,
  kDescendants,
  // utility
  kTrace,
  kDefineVariable,
  kSort,
  kAggregate,
  kSum,
  kMin,
  kMax,
  kAvg,
  // types
  kIs,
  kAs,
  kType,
  // FHIR
  kExtension,
  kHasExtension,
  kHasValue,
  kGetValue,
  kResolve,
  kMemberOf,
  kSubsumes,
  kSubsumedBy,
  kConformsTo,
  kHtmlChecks,
  kElementDefinition,
  kSlice,
  kCheckModifiers,
  kComparable,
  // SQL-on-FHIR
  kGetResourceKey,
  kGetReferenceKey,
  // %terminologies
  kExpand,
  kLookup,
  kValidateVS,
  kValidateCS,
  kServiceSubsumes,
  kServiceTranslate,
  // national mappings
  kTranslate,
};

// What a function wants as its input, for the checker.
enum class InputKind : std::uint8_t { kAny, kString, kNumber, kBoolean, kTemporal };

// What a function gives.
enum class ResultKind : std::uint8_t {
  kSame,      // types of the input
  kArgument,  // types of the first argument
  kUnknown,
  kBoolean,
  kInteger,
  kLong,
  kDecimal,
  kString,
  kDate,
  kDateTime,
  kTime,
  kQuantity,
  kNumberOfInput,  // the numeric type of the input
  kSpecial,        // the checker has a case for it
};
enum class Cardinality : std::uint8_t { kOne, kSame, kMany };

struct FunctionInfo {
  FunctionId id;
  std::string_view name;
  std::uint8_t min_args, max_args;
  std::uint32_t lambda_args;  // bit n: argument n is evaluated with $this set to the input or an item of it
  bool type_arg;              // the first argument is a type specifier
  InputKind input;
  ResultKind result;
  Cardinality cardinality;
  bool pure;  // the same for the same input: may be folded
  bool national;
  std::string_view signature;  // for help and completion
};

// nullptr when there is none. Functions of %terminologies are found with `service`.
const FunctionInfo* findFunction(std::string_view name, bool service = false);
const FunctionInfo& functionInfo(FunctionId id);
// The nearest function name within a small edit distance; empty when none is near.
std::string_view nearestFunction(std::string_view name);

// Edit distance (insert, delete, replace, swap) with a ceiling; for suggestions.
unsigned editDistance(std::string_view a, std::string_view b, unsigned ceiling);

}  // namespace tributary::fhirpath
