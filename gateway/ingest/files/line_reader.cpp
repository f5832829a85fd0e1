#include "ingest/files/line_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tributary::ingest {
namespace {
constexpr std::size_t kChunk = std::size_t{256} << 10;
}

struct LineReader::State {
  ~State() {
    if (file != nullptr) gzclose(file);
  }
  gzFile file = nullptr;
  std::string name;
  std::string buffer;
  std::size_t at = 0;  // first byte not handed out
  std::size_t line_cap = 0;
  std::uint64_t expanded = 0, expanded_limit = 0, number = 0;
  bool end = false;
};

LineReader::LineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::open(const std::filesystem::path& path, std::size_t line_cap, std::uint64_t expanded_limit) {
  auto state = std::make_unique<State>();
  state->file = gzopen(path.c_str(), "rbe");  // reads plain files as they are
  if (state->file == nullptr) return fail(ErrorCode::kUnavailable, "cannot open " + path.filename().string() + ": " + std::strerror(errno));
  gzbuffer(state->file, kChunk);
  state->name = path.filename().string();
  state->line_cap = line_cap;
  state->expanded_limit = expanded_limit;
  LineReader reader(std::move(state));
  TRY_ASSIGN([[maybe_unused]] const bool more, reader.fill());
  if (reader.state_->buffer.starts_with("\xEF\xBB\xBF")) reader.state_->at = 3;
  return reader;
}

std::string_view LineReader::head() const { return std::string_view(state_->buffer).substr(state_->at); }

// Adds a chunk to the buffer, what was handed out dropped first. False at the end of the file.
Result<bool> LineReader::fill() {
  State& s = *state_;
  if (s.end) return false;
  s.buffer.erase(0, s.at);
  s.at = 0;
  const std::size_t had = s.buffer.size();
  s.buffer.resize(had + kChunk);
  const int got = gzread(s.file, s.buffer.data() + had, kChunk);
  s.buffer.resize(had + static_cast<std::size_t>(std::max(got, 0)));
  int code = Z_OK;
  const char* why = gzerror(s.file, &code);
  // A cut stream gives what it has first; the error follows when nothing more comes.
  if (got < 0 || (got == 0 && code == Z_BUF_ERROR)) {
    return fail(ErrorCode::kMalformed, s.name + " cannot be read to its end: " + (code == Z_BUF_ERROR ? "the gzip stream is cut off" : why));
  }
  s.expanded += static_cast<std::uint64_t>(got);
  if (s.expanded_limit != 0 && s.expanded > s.expanded_limit) {
    return fail(ErrorCode::kLimit, s.name + " expands to more than " + std::to_string(s.expanded_limit) + " bytes");
  }
  s.end = got == 0;
  return got > 0;
}

Result<bool> LineReader::next(Line& line) {
  State& s = *state_;
  std::size_t searched = 0;
  for (;;) {
    const char* begin = s.buffer.data() + s.at;
    const std::size_t left = s.buffer.size() - s.at;
    if (const void* found = left > searched ? std::memchr(begin + searched, '\n', left - searched) : nullptr; found != nullptr) {
      std::size_t size = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
      s.at += size + 1;
      if (size > 0 && begin[size - 1] == '\r') --size;
      line = {{begin, size}, ++s.number, size > s.line_cap};
      return true;
    }
    if (left > s.line_cap) {
      // Hand out the head, then pass over the rest of the line without holding it.
      const std::string head(begin, std::min<std::size_t>(left, 1024));
      for (;;) {
        s.at = s.buffer.size();
        TRY_ASSIGN(const bool more, fill());
        const std::size_t end = s.buffer.find('\n');
        if (end != std::string::npos) s.at = end + 1;
        if (!more || end != std::string::npos) break;
      }
      s.buffer.insert(0, head);  // keeps the view valid without another buffer
      s.at += head.size();
      line = {{s.buffer.data(), head.size()}, ++s.number, true};
      return true;
    }
    searched = left;
    TRY_ASSIGN(const bool more, fill());
    if (!more) {
      const std::size_t size = s.buffer.size() - s.at;
      if (size == 0) return false;
      line = {{s.buffer.data() + s.at, size}, ++s.number, size > s.line_cap};
      s.at = s.buffer.size();
      return true;
    }
  }
}

Result<std::string> LineReader::rest(std::size_t cap) {
  State& s = *state_;
  for (;;) {
    if (s.buffer.size() - s.at > cap) return fail(ErrorCode::kLimit, s.name + " is larger than " + std::to_string(cap) + " bytes");
    TRY_ASSIGN(const bool more, fill());
    if (!more) break;
  }
  std::string out = s.buffer.substr(s.at);
  s.at = s.buffer.size();
  return out;
}

}  // namespace tributary::ingest
