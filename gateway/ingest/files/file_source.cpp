#include "ingest/files/file_source.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/civil_time.h"
#include "base/fault_point.h"
#include "base/file.h"

namespace tributary::ingest {
namespace fs = std::filesystem;
namespace {

// The entries of a folder that are meant for us, in the order of their names.
template <class Visit>
void eachEntry(const fs::path& folder, Visit visit) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp")) continue;
    visit(it->path(), it->symlink_status(error).type());
  }
}

std::vector<fs::path> filesIn(const fs::path& folder) {
  std::vector<fs::path> found;
  eachEntry(folder, [&](const fs::path& path, fs::file_type type) {
    if (type == fs::file_type::regular) found.push_back(path);
  });
  std::sort(found.begin(), found.end());
  return found;
}

const char* kindOf(fs::file_type type) {
  switch (type) {
    case fs::file_type::directory: return "a folder";
    case fs::file_type::symlink: return "a symbolic link";
    case fs::file_type::fifo: return "a pipe";
    case fs::file_type::socket: return "a socket";
    default: return "a device";
  }
}

// A name in `folder` that is not taken yet.
fs::path freeName(const fs::path& folder, const fs::path& name) {
  fs::path target = folder / name;
  for (int n = 1; fs::exists(target) && n < 100'000; ++n) target = folder / (name.string() + "." + std::to_string(n));
  return target;
}

// Moves a file into `folder`, which a person may have removed meanwhile; where it is then.
fs::path moveTo(const fs::path& folder, const fs::path& file, std::error_code& error) {
  fs::create_directories(folder, error);
  const fs::path target = freeName(folder, file.filename());
  if (!error) fs::rename(file, target, error);
  return target;
}

bool isLines(const fs::path& file) {
  std::string name = file.filename().string();
  // The number of freeName(): a file of this name was still in work/ when this one came.
  if (const std::size_t dot = name.rfind('.'); dot != std::string::npos && dot + 1 < name.size() &&
                                               name.find_first_not_of("0123456789", dot + 1) == std::string::npos) {
    name.resize(dot);
  }
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".ndjson") || name.ends_with(".jsonl") || name.ends_with(".ndj");
}

// What a file is that people put into folders though it is no FHIR, by its first bytes; nullptr: none of these.
const char* foreignKind(std::string_view head) {
  using namespace std::string_view_literals;
  static constexpr std::pair<std::string_view, const char*> kKinds[] = {
      {"PK\x03\x04"sv, "a ZIP archive (or a Word or Excel file)"}, {"PK\x05\x06"sv, "an empty ZIP archive"},
      {"%PDF-"sv, "a PDF document"},                                {"\xD0\xCF\x11\xE0"sv, "an old Word or Excel file"},
      {"7z\xBC\xAF"sv, "a 7-Zip archive"},                         {"Rar!"sv, "a RAR archive"},
      {"\xFD\x37zXZ"sv, "an XZ archive"},                          {"BZh"sv, "a bzip2 archive"},
      {"\x28\xB5\x2F\xFD"sv, "a Zstandard archive"},               {"\x1F\x8B"sv, "a gzip archive inside another one"},
      {"\x89PNG"sv, "a picture"},                                  {"\xFF\xD8\xFF"sv, "a picture"},
      {"SQLite format 3"sv, "a database"},                         {"MSH|"sv, "an HL7 version 2 message"},
      {"\xFF\xFE"sv, "text in UTF-16; write it as UTF-8"},         {"\xFE\xFF"sv, "text in UTF-16; write it as UTF-8"},
  };
  for (const auto& [start, kind] : kKinds) {
    if (head.starts_with(start)) return kind;
  }
  return head.size() > 262 && head.substr(257, 5) == "ustar" ? "a tar archive" : nullptr;
}

char firstCharacter(std::string_view text) {
  const std::size_t at = text.find_first_not_of(" \t\r\n");
  return at == std::string_view::npos ? '\0' : text[at];
}

bool isXmlName(std::string name) {
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".xml");
}

}  // namespace

FileSource::FileSource(IntakeContext context, FileOptions options, const Clock& clock, LogLine log)
    : context_(context),
      options_(std::move(options)),
      clock_(clock),
      log_(std::move(log)),
      board_(options_.name, "files"),
      intake_(context, options_.name) {}

void FileSource::run(std::stop_token stop) {
  std::error_code error;
  for (const char* sub : {"in", "work", "done", "failed"}) fs::create_directories(options_.folder / sub, error);
  while (!stop.stop_requested()) {
    const bool all = look(stop);
    const std::string strangers = tellStrangers();
    board_.update([&](SourceStatus& status) {
      status.caught_up = all;
      status.doing = all ? "waiting for files" : "waiting to try again";
      status.doing += strangers;
    });
    if (!sleeper_.wait(stop, options_.interval)) return;
  }
}

std::string FileSource::tellStrangers() {
  std::set<std::string> found;
  std::size_t inside = 0, beside = 0;
  eachEntry(options_.folder / "in", [&](const fs::path& path, fs::file_type type) {
    if (type == fs::file_type::regular || type == fs::file_type::none || type == fs::file_type::not_found) return;
    const std::string name = path.filename().string();
    ++inside;
    if (found.insert("in/" + name); strangers_.contains("in/" + name)) return;
    log_("warning", "not-a-file", name + " in in/ is " + kindOf(type) + ": only regular files are taken, it stays there");
  });
  eachEntry(options_.folder, [&](const fs::path& path, fs::file_type type) {
    if (type != fs::file_type::regular) return;
    const std::string name = path.filename().string();
    ++beside;
    if (found.insert(name); strangers_.contains(name)) return;
    log_("warning", "beside-in", name + " lies beside in/, where nothing is read: move it into in/");
  });
  strangers_ = std::move(found);
  std::string out;
  if (inside > 0) out += "; " + std::to_string(inside) + (inside == 1 ? " entry" : " entries") + " of in/ cannot be taken, see the log";
  if (beside > 0) out += "; " + std::to_string(beside) + (beside == 1 ? " file lies" : " files lie") + " beside in/ unread, see the log";
  return out;
}

bool FileSource::look(std::stop_token stop) {
  bool all = true;
  // Claimed before a crash first; then what is new.
  std::vector<fs::path> claimed = filesIn(options_.folder / "work");
  for (const fs::path& file : filesIn(options_.folder / "in")) {
    std::error_code error;
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(file, error);
    // (A time far in the future says nothing about a writer.)
    if (error || (age < options_.settle && age > -std::chrono::minutes(1))) {
      all = false;
      continue;
    }
    const fs::path target = freeName(options_.folder / "work", file.filename());
    fs::rename(file, target, error);
    if (!error) claimed.push_back(target);
  }
  for (const fs::path& file : claimed) {
    if (stop.stop_requested()) return false;
    FAULT_POINT("ingest.files.claimed");
    const std::string name = file.filename().string();
    board_.update([&](SourceStatus& status) {
      status.caught_up = false;
      status.doing = "reading " + name;
    });
    auto taken = take(file, stop);
    std::error_code error;
    if (taken && !stop.stop_requested()) {
      FAULT_POINT("ingest.files.before_done");
      if (options_.remove_done) fs::remove(file, error);
      else moveTo(options_.folder / "done", file, error);
      if (error) {
        all = false;
        tellFault(name + " is journalled but cannot be put away: " + error.message() + "; it stays in work/ and is read again");
      }
    } else if (!taken) {
      tellFault(name + ": " + taken.error().text);
      if (taken.error().retry == RetryClass::kRetryable) {
        all = false;  // the journal cannot take it now: the file stays claimed
        continue;
      }
      const fs::path failed = moveTo(options_.folder / "failed", file, error);
      if (error) {
        all = false;
        tellFault(name + " cannot be moved to failed/: " + error.message() + "; it stays in work/");
        continue;
      }
      (void)writeFileDurably(failed.string() + ".reason.txt", taken.error().text + "\n");
    }
  }
  return all;
}

void FileSource::tellFault(const std::string& text) {
  log_("error", "file-failed", text);
  board_.update([&](SourceStatus& status) {
    status.healthy = false;
    status.last_error = text;
  });
}

Result<void> FileSource::take(const fs::path& file, std::stop_token stop) {
  intake_.clear();
  const std::string name = file.filename().string();
  const bool lines = isLines(file);
  TRY_ASSIGN(LineReader reader, LineReader::open(file, lines ? context_.options.max_resource_bytes : std::size_t{1} << 20, options_.expanded_limit));
  const std::string_view head = reader.head();
  if (const char* const kind = foreignKind(head)) return refuse(name, head, kind);
  const char first = firstCharacter(head);
  if (lines && first != '<') return takeLines(name, reader, stop);
  constexpr std::string_view kJson = "{[\"";
  if (!lines && first != '\0' && first != '<' && kJson.find(first) == std::string_view::npos && !isXmlName(name)) {
    return refuse(name, head, "neither JSON nor XML: it begins with none of { [ <");
  }
  return takeWhole(name, reader);
}

Result<void> FileSource::refuse(const std::string& name, std::string_view head, std::string_view what) {
  const Issue issue{Severity::kError, "foreign-file", {}, Issue::kNoOffset, 0, 0, "this file is " + std::string(what),
                    "Give FHIR as JSON, NDJSON or XML, plain or gzip, each file by itself."};
  const std::string kept(head.substr(0, 1024));
  intake_.addReject(kept, issue, name);
  TRY_VOID(commit(name, 0));
  return fail(ErrorCode::kMalformed, issue.text + ". " + issue.remedy);
}

Result<void> FileSource::commit(std::string_view file, std::uint64_t line) {
  const std::string name = "file/" + std::string(file), value = std::to_string(line);
  const store::CursorMove cursor[] = {{name, value}};
  FAULT_POINT("ingest.files.before_journal");
  TRY_ASSIGN(const IntakeCounts counts, intake_.commit(cursor));
  FAULT_POINT("ingest.files.after_journal");
  board_.update([&](SourceStatus& status) {
    status.healthy = true;
    status.last_error.clear();
    status.counts.add(counts);
    status.last_progress = clock_.now();
  });
  return {};
}

Result<void> FileSource::takeLines(const std::string& name, LineReader& reader, std::stop_token stop) {
  std::uint64_t done = 0;
  TRY_ASSIGN(const auto cursor, context_.store->cursor(options_.name, "file/" + name));
  if (cursor) std::from_chars(cursor->data(), cursor->data() + cursor->size(), done);

  std::deque<std::string> kept;  // the lines that are staged
  LineReader::Line line;
  std::uint64_t last = done;
  for (;;) {
    auto more = reader.next(line);
    if (!more || !*more) {
      // Read to its end or to its fault, it needs no cursor any more; one that was left would skip lines of the next file of this name.
      TRY_VOID(commit(name, 0));
      if (!more) return std::unexpected(more.error());
      return {};
    }
    if (line.number <= done) continue;
    last = line.number;
    std::string_view text = line.text;
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.empty()) continue;
    kept.emplace_back(text);
    if (line.too_long) {
      intake_.addReject(kept.back(),
                        {Severity::kError, "line-too-long", {}, Issue::kNoOffset, static_cast<std::uint32_t>(line.number), 1,
                         "the line is longer than the limit of one resource", "Raise max_resource_bytes if such a resource is meant to be taken."},
                        name, line.number);
    } else {
      intake_.add(kept.back(), name, line.number);
    }
    if (intake_.staged() >= options_.batch_entries || intake_.stagedBytes() >= options_.batch_bytes) {
      TRY_VOID(commit(name, last));
      kept.clear();
      if (stop.stop_requested()) return {};
    }
  }
}

Result<void> FileSource::takeWhole(const std::string& name, LineReader& reader) {
  TRY_ASSIGN(const std::string text, reader.rest(options_.bundle_bytes));
  if (firstCharacter(text) == '<' || isXmlName(name)) intake_.addXml(text, name);
  else intake_.add(text, name);
  const bool readable = intake_.document() != nullptr;
  const Issue fault = readable ? Issue{} : intake_.issues().front();
  TRY_VOID(commit(name, 0));
  if (readable) return {};
  // It is recorded as refused; in failed/ a person finds it as well.
  const std::string place = fault.line == 0 ? "" : "line " + std::to_string(fault.line) + ", column " + std::to_string(fault.column) + ": ";
  return fail(ErrorCode::kMalformed, place + fault.text + " " + fault.remedy);
}

}  // namespace tributary::ingest
