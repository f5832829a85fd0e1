#include "cli/resource_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "fhir/json_reader.h"
#include "fhir/ndjson_reader.h"
#include "terminology/element_shapes.h"

namespace tributary::cli {
namespace {

constexpr std::size_t kPeek = std::size_t{1} << 20;  // bytes that decide the form

// A file descriptor whose first bytes can be looked at before they are read.
class Source {
 public:
  explicit Source(int descriptor) : descriptor_(descriptor) {}
  ~Source() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  Result<std::size_t> read(std::span<char> buffer) {
    if (at_ < head_.size()) {
      const std::size_t n = std::min(buffer.size(), head_.size() - at_);
      std::memcpy(buffer.data(), head_.data() + at_, n);
      at_ += n;
      return n;
    }
    return raw(buffer);
  }

  // The first line, or as much of it as kPeek allows; the line break tells that it is whole.
  Result<std::string_view> peekLine() {
    while (head_.size() < kPeek && head_.find('\n') == std::string::npos) {
      const std::size_t size = head_.size();
      head_.resize(size + (std::size_t{1} << 16));
      TRY_ASSIGN(const std::size_t n, raw(std::span(head_).subspan(size)));
      head_.resize(size + n);
      if (n == 0) break;
    }
    return std::string_view(head_).substr(0, std::min(head_.find('\n'), head_.size()));
  }

  Result<std::string> rest(std::size_t most) {
    std::string out = head_.substr(at_);
    at_ = head_.size();
    for (;;) {
      const std::size_t size = out.size();
      if (size > most) {
        return fail(ErrorCode::kLimit,
                    "the file is larger than " + std::to_string(most) + " bytes; as NDJSON it may be");
      }
      out.resize(size + (std::size_t{1} << 18));
      TRY_ASSIGN(const std::size_t n, raw(std::span(out).subspan(size)));
      out.resize(size + n);
      if (n == 0) return out;
    }
  }

  std::uint64_t bytes() const { return bytes_; }

 private:
  Result<std::size_t> raw(std::span<char> buffer) {
    for (;;) {
      const ssize_t n = ::read(descriptor_, buffer.data(), buffer.size());
      if (n >= 0) {
        bytes_ += static_cast<std::uint64_t>(n);
        return static_cast<std::size_t>(n);
      }
      if (errno != EINTR)
        return fail(ErrorCode::kUnavailable, std::string("cannot be read: ") + std::strerror(errno));
    }
  }

  int descriptor_;
  std::string head_;
  std::size_t at_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

struct ResourceInput::Impl {
  std::vector<std::string> files;
  std::shared_ptr<const terminology::Definitions> definitions;
  fhir::ReadLimits line_limits, file_limits;
  std::unique_ptr<fhir::ElementShapes> shapes;
  fhir::Document document;
  std::uint64_t done = 0;  // bytes of the files before this one
  const Source* current = nullptr;
  std::uint64_t total = 0;
  bool stopped = false;

  Result<void> file(const std::string& name, const std::function<bool(const InputResource&)>& each,
                    const std::function<void(std::string_view, const Issue&)>& bad);
  Result<void> stream(Source& source, const std::string& name,
                      const std::function<bool(const InputResource&)>& each,
                      const std::function<void(std::string_view, const Issue&)>& bad);
  Result<void> whole(Source& source, const std::string& name,
                     const std::function<bool(const InputResource&)>& each,
                     const std::function<void(std::string_view, const Issue&)>& bad);
};

Result<void> ResourceInput::Impl::stream(Source& source, const std::string& name,
                                         const std::function<bool(const InputResource&)>& each,
                                         const std::function<void(std::string_view, const Issue&)>& bad) {
  fhir::NdjsonOptions options;
  options.limits = line_limits;
  fhir::NdjsonStream lines([&](std::span<char> buffer) { return source.read(buffer); }, options);
  for (;;) {
    Issue issue;
    TRY_ASSIGN(const fhir::LineOutcome outcome, lines.next(document, issue));
    if (outcome == fhir::LineOutcome::kEnd) return {};
    if (outcome == fhir::LineOutcome::kBad) {
      bad(name, issue);
    } else if (!each({&document, name, lines.lineNumber()})) {
      stopped = true;
      return {};
    }
  }
}

Result<void> ResourceInput::Impl::whole(Source& source, const std::string& name,
                                        const std::function<bool(const InputResource&)>& each,
                                        const std::function<void(std::string_view, const Issue&)>& bad) {
  TRY_ASSIGN(const std::string text, source.rest(file_limits.bytes));
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos) return {};
  std::expected<void, Issue> read;
  fhir::ReadOptions options;
  options.limits = file_limits;
  if (text[first] == '<') {
    if (!definitions)
      return fail(ErrorCode::kInvalidArgument, "XML needs the compiled definitions (deploy/install)");
    if (!shapes) shapes = terminology::makeElementShapes(definitions);
    read = fhir::XmlReader(*shapes).read(text, document, options);
  } else {
    read = fhir::JsonReader().read(text, document, options);
  }
  if (!read) {
    bad(name, read.error());
  } else if (!each({&document, name, 1})) {
    stopped = true;
  }
  document = fhir::Document();  // it points into `text`
  return {};
}

Result<void> ResourceInput::Impl::file(const std::string& name,
                                       const std::function<bool(const InputResource&)>& each,
                                       const std::function<void(std::string_view, const Issue&)>& bad) {
  const int descriptor = name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorCode::kNotFound, name + ": " + std::strerror(errno));
  Source source(descriptor);
  current = &source;
  auto line = source.peekLine();
  Result<void> result;
  if (!line) {
    result = std::unexpected(line.error());
  } else {
    // NDJSON by its name, when gzip, or when the first line is an object by itself: one that is not good is
    // still a line, and costs nothing but itself.
    const bool gzip = line->starts_with("\x1f\x8b");
    const bool named = name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".gz");
    const std::size_t first = line->find_first_not_of(" \t\r\xEF\xBB\xBF");
    const std::size_t last = line->find_last_not_of(" \t\r");
    const bool object = !gzip && !named && first != std::string_view::npos && (*line)[first] == '{' &&
                        last > first && (*line)[last] == '}' && line->size() < kPeek;
    result = gzip || named || object ? stream(source, name, each, bad) : whole(source, name, each, bad);
  }
  done += source.bytes();
  current = nullptr;
  if (!result && result.error().text.find(name) == std::string::npos)
    result.error().text = name + ": " + result.error().text;
  return result;
}

ResourceInput::ResourceInput(std::vector<std::string> files,
                             std::shared_ptr<const terminology::Definitions> definitions,
                             const fhir::ReadLimits& line, const fhir::ReadLimits& file)
    : impl_(std::make_unique<Impl>()) {
  impl_->line_limits = line;
  impl_->file_limits = file;
  if (files.empty()) files.emplace_back("-");
  for (const std::string& name : files) {
    struct stat info{};
    if (name == "-" || ::stat(name.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
      impl_->total = 0;
      break;
    }
    impl_->total += static_cast<std::uint64_t>(info.st_size);
  }
  impl_->files = std::move(files);
  impl_->definitions = std::move(definitions);
}

ResourceInput::~ResourceInput() = default;

Result<void> ResourceInput::run(const std::function<bool(const InputResource&)>& each,
                                const std::function<void(std::string_view, const Issue&)>& bad) {
  for (const std::string& file : impl_->files) {
    TRY_VOID(impl_->file(file, each, bad));
    if (impl_->stopped) break;
  }
  return {};
}

std::uint64_t ResourceInput::bytes() const {
  return impl_->done + (impl_->current != nullptr ? impl_->current->bytes() : 0);
}
std::uint64_t ResourceInput::totalBytes() const {
  return impl_->total;
}

void printIssue(std::string_view file, const Issue& issue) {
  std::string out(file);
  if (issue.line != 0) out += ':' + std::to_string(issue.line) + ':' + std::to_string(issue.column);
  out += ": ";
  out += severityName(issue.severity);
  out += ": " + issue.text;
  if (!issue.path.empty()) out += " (" + issue.path + ')';
  if (!issue.remedy.empty()) out += "\n  " + issue.remedy;
  std::fprintf(stderr, "%s\n", out.c_str());
}

std::int16_t localZoneMinutes() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return static_cast<std::int16_t>(local.tm_gmtoff / 60);
}

}  // namespace tributary::cli
