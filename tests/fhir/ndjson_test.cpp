#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fhir/ndjson_reader.h"
#include "fhir/resource.h"

namespace tributary::fhir {
namespace {

// A source that hands out `text` in pieces of `step` bytes.
ByteSource pieces(std::string text, std::size_t step) {
  return [text = std::move(text), step,
          at = std::size_t{0}](std::span<char> buffer) mutable -> Result<std::size_t> {
    const std::size_t count = std::min({step, buffer.size(), text.size() - at});
    std::memcpy(buffer.data(), text.data() + at, count);
    at += count;
    return count;
  };
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string copy(text);
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// What a reader gave, one piece of text an outcome.
template <class Reader>
std::string transcript(Reader& reader) {
  Document document;
  Issue issue;
  std::string out;
  while (true) {
    Result<LineOutcome> outcome = reader.next(document, issue);
    if (!outcome) return out + "error: " + outcome.error().text;
    if (*outcome == LineOutcome::kEnd) return out;
    if (*outcome == LineOutcome::kDocument) {
      const Position position = document.position(0);
      out += std::string(resourceId(document)) + "@" + std::to_string(position.offset) + "/" +
             std::to_string(position.line) + " ";
      EXPECT_EQ(reader.lineNumber(), position.line);
      EXPECT_EQ(document.raw(0), reader.line());
    } else {
      out += issue.rule + "@" + std::to_string(issue.offset) + "/" + std::to_string(issue.line) + ":" +
             std::to_string(issue.column) + " ";
    }
  }
}

std::string both(const std::string& text, const NdjsonOptions& options = {}) {
  NdjsonText in_memory(text, options);
  const std::string first = transcript(in_memory);
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{17}, text.size() + 1}) {
    NdjsonStream stream(pieces(text, step), options);
    EXPECT_EQ(transcript(stream), first) << "in steps of " << step;
    EXPECT_EQ(stream.counts().documents, in_memory.counts().documents);
    EXPECT_EQ(stream.counts().bad, in_memory.counts().bad);
    EXPECT_EQ(stream.counts().blank, in_memory.counts().blank);
    EXPECT_EQ(stream.counts().lines, in_memory.counts().lines);
    EXPECT_EQ(stream.consumed(), text.size());
    NdjsonStream zipped(pieces(gzip(text), step), options);
    EXPECT_EQ(transcript(zipped), first) << "inflated, in steps of " << step;
  }
  return first;
}

TEST(Ndjson, Tolerance) {
  EXPECT_EQ(both(""), "");
  EXPECT_EQ(both("\n\r\n  \n"), "");
  EXPECT_EQ(both("{\"id\":\"a\"}"), "a@0/1 ");
  EXPECT_EQ(both("{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), "a@0/1 b@11/2 ");
  EXPECT_EQ(both("{\"id\":\"a\"}\r\n\r\n\n{\"id\":\"b\"}\r\n"), "a@0/1 b@15/4 ");
  EXPECT_EQ(both("\xEF\xBB\xBF{\"id\":\"a\"}\n"), "a@3/1 ");
  EXPECT_EQ(both("\n\xEF\xBB\xBF{\"id\":\"a\"}\n"), "json-encoding@1/2:1 ")
      << "only the beginning may have one";
  EXPECT_EQ(both("\xEF\xBB"), "json-syntax@0/1:1 ");
  EXPECT_EQ(both("\xEF\xBB\xBF"), "");
  EXPECT_EQ(both("\n"), "");
}

TEST(Ndjson, OneBadLineCostsThatLineOnly) {
  EXPECT_EQ(both("{\"id\":\"a\"}\n{\"id\":\"b\n{\"id\":\"c\"}\n[]\n{\"id\":\"d\",\"id\":\"d\"}\n{\"id\":"
                 "\"\xFF\"}\n{\"id\":\"e\"}x\n{\"id\":\"f\"}"),
            "a@0/1 json-syntax@17/2:7 c@20/3 json-not-an-object@31/4:1 json-duplicate-member@44/5:11 "
            "json-encoding@61/6:8 json-syntax@75/7:11 f@77/8 ");
}

TEST(Ndjson, LongLines) {
  NdjsonOptions options;
  options.limits.bytes = 20;
  const std::string long_line = "{\"id\":\"" + std::string(1000, 'x') + "\"}";
  EXPECT_EQ(both("{\"id\":\"a\"}\n" + long_line + "\n{\"id\":\"b\"}\n" + long_line, options),
            "a@0/1 json-size@11/2:1 b@1021/3 json-size@1032/4:1 ");
  EXPECT_EQ(both("{\"id\":\"0123456789a\"}\n{\"id\":\"0123456789\"}\r\n", options),
            "0123456789a@0/1 0123456789@21/2 ");
  // A carriage return at the very end does not count, and white space does.
  EXPECT_EQ(both("{\"id\":\"0123456789a\"}\r", options), "0123456789a@0/1 ");
  EXPECT_EQ(both(std::string(21, ' ') + "\n" + std::string(20, ' ') + "\n", options), "json-size@0/1:1 ");
}

TEST(Ndjson, AGigabyteInOneLineTakesNoMemory) {
  constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;
  std::uint64_t given = 0;
  std::size_t largest = 0;
  const std::string tail = "\n{\"id\":\"after\"}\n";
  NdjsonOptions options;
  options.limits.bytes = std::size_t{1} << 20;
  NdjsonStream stream(
      [&](std::span<char> buffer) -> Result<std::size_t> {
        largest = std::max(largest, buffer.size());
        if (given >= kGigabyte) {
          const std::size_t count = std::min<std::size_t>(buffer.size(), tail.size() - (given - kGigabyte));
          std::memcpy(buffer.data(), tail.data() + (given - kGigabyte), count);
          given += count;
          return count;
        }
        const std::size_t count = std::min<std::uint64_t>(buffer.size(), kGigabyte - given);
        std::memset(buffer.data(), 'x', count);
        given += count;
        return count;
      },
      options);
  EXPECT_EQ(transcript(stream), "json-size@0/1:1 after@1073741825/2 ");
  EXPECT_LT(largest, std::size_t{4} << 20);
}

TEST(Ndjson, GzipMembersInARowAreOneText) {
  const std::string whole = gzip("{\"id\":\"a\"}\n{\"id\"") + gzip(":\"b\"}\n") + std::string(512, '\0');
  NdjsonStream stream(pieces(whole, 5));
  EXPECT_EQ(transcript(stream), "a@0/1 b@11/2 ");
}

TEST(Ndjson, DamagedGzipIsAnError) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "{\"id\":\"x" + std::to_string(i * 7919) + "\"}\n";
  const std::string good = gzip(text);
  NdjsonStream cut(pieces(good.substr(0, good.size() - 9), 1000));
  EXPECT_NE(transcript(cut).find("error: the gzip data ends too early"), std::string::npos);
  std::string broken = good;
  broken[broken.size() - 6] = static_cast<char>(broken[broken.size() - 6] ^ 1);  // its checksum
  NdjsonStream damaged(pieces(broken, 1000));
  EXPECT_NE(transcript(damaged).find("error: the gzip data is damaged"), std::string::npos);
  NdjsonStream garbage(pieces(good + "xyz", 1000));
  EXPECT_NE(transcript(garbage).find("error: there is something else"), std::string::npos);
}

TEST(Ndjson, BombsAreDefused) {
  const std::string bomb = gzip(std::string(std::size_t{32} << 20, ' '));
  NdjsonStream stream(pieces(bomb, 4096));
  const std::string outcome = transcript(stream);
  EXPECT_NE(outcome.find("bomb"), std::string::npos) << outcome;
  NdjsonOptions options;
  options.inflated_bytes = 1000;
  NdjsonStream limited(pieces(gzip(std::string(5000, '\n')), 4096), options);
  EXPECT_NE(transcript(limited).find("error: the gzip data inflates to more than 1000 bytes"),
            std::string::npos);
}

TEST(Ndjson, AFailingSourceIsAnError) {
  bool first = true;
  NdjsonStream stream([&](std::span<char> buffer) -> Result<std::size_t> {
    if (!std::exchange(first, false)) return fail(ErrorCode::kUnavailable, "gone", RetryClass::kRetryable);
    const std::string_view text = "{\"id\":\"a\"}\n{\"id";
    std::memcpy(buffer.data(), text.data(), text.size());
    return text.size();
  });
  EXPECT_EQ(transcript(stream), "a@0/1 error: gone");
}

TEST(Ndjson, MissingFile) {
  const auto opened = NdjsonStream::open("/nowhere/at/all.ndjson");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tributary::fhir
