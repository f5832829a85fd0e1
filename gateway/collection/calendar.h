#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/issue.h"
#include "base/result.h"

namespace tributary::collection {

class Json;
class Reporter;

// A month is sent twice: in its primary window, and whole again, with what came late, in its refresh window.
enum class WindowKind : std::uint8_t { kPrimary, kRefresh };
std::string_view windowName(WindowKind kind);  // "primary"

// When a month may be sent: civil days of the collection's zone, both included.
struct SubmissionWindow {
  std::string opens, closes;
  bool published = false;  // a date that was published; else the rule gave it
  std::string confidence;  // as the calendar says it, such as "stated (…)" or "assumed (…)"
  friend bool operator==(const SubmissionWindow&, const SubmissionWindow&) = default;
};

// The calendar of a collection, which is data: a file of its own (calendar.json beside collection.json) that a user can
// replace. Reporting periods are calendar months. Immutable; any thread.
class Calendar {
 public:
  // All faults at once, with file, line and remedy; nullptr with any of severity error.
  static std::shared_ptr<const Calendar> load(const std::filesystem::path& file, std::vector<Issue>& issues);
  static std::shared_ptr<const Calendar> read(const std::filesystem::path& file, const Json& root, Reporter& reporter);

  // False: the collection is not sent by months (a daily collection).
  bool monthly() const { return monthly_; }
  // `month`: "2026-09". A published window, or else what the rule gives.
  SubmissionWindow window(std::string_view month, WindowKind kind) const;
  // Daily flow: a row may be sent, corrected or withdrawn until this many days after its day. None: no bound.
  std::optional<std::uint32_t> correctionDays() const { return correction_days_; }
  bool workingDay(std::string_view day) const;

 private:
  enum class Shift : std::uint8_t { kNone, kPrevious, kNext };
  std::string closing(std::string_view month, WindowKind kind) const;
  void readRule(const std::filesystem::path& file, const Json& rule, Reporter& reporter);
  void readPublished(const std::filesystem::path& file, const Json& list, Reporter& reporter);

  bool monthly_ = false;
  std::uint32_t closing_day_ = 0;
  std::int32_t months_after_[2] = {1, 2};
  Shift shift_ = Shift::kNone;
  std::string rule_confidence_, published_confidence_;
  std::set<std::string, std::less<>> holidays_;
  std::map<std::pair<std::string, WindowKind>, SubmissionWindow> published_;
  std::optional<std::uint32_t> correction_days_;
};

}  // namespace tributary::collection
