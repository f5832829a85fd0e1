#include "deliver/internal/access_form.h"

#include <algorithm>

#include "deliver/internal/child_process.h"

namespace tributary::deliver {
namespace {

// Exit codes of the side tool (deploy/idb/README.md).
constexpr int kDataRefused = 1, kWrongUse = 2;

// The tool's own words, on one line and not for ever.
std::string shortened(std::string text) {
  constexpr std::size_t kMost = 2000;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.size() > kMost) text = text.substr(0, kMost) + " …";
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("; ") : std::string(1, c);
  return out;
}

}  // namespace

Result<void> fillAccessDatabase(const AccessOptions& options, const std::filesystem::path& csv_zip,
                                const std::filesystem::path& target) {
  if (options.blank.empty()) {
    return fail(ErrorCode::kRejected, "an Access database needs the blank one that the collection publishes: 'template' is not set");
  }
  auto ended = runChild({options.tool.string(), options.blank.string(), csv_zip.string(), target.string()}, options.limit);
  if (!ended) return std::unexpected(std::move(ended).error());
  if (ended->exit_code == 0) return {};
  const std::string said = shortened(std::move(ended->output));
  if (ended->exit_code == kDataRefused || ended->exit_code == kWrongUse) return fail(ErrorCode::kRejected, said);
  return fail(ErrorCode::kUnavailable, "the Access side tool ended with " + std::to_string(ended->exit_code) + ": " + said,
              RetryClass::kRetryable);
}

}  // namespace tributary::deliver
