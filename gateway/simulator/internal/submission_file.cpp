#include "simulator/internal/submission_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "simulator/internal/json_text.h"

namespace tributary::simulator {
namespace {

std::uint64_t little(std::string_view s, std::size_t at, std::size_t n) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < n; ++i) v |= std::uint64_t{static_cast<unsigned char>(s[at + i])} << (8 * i);
  return v;
}

Result<std::string> inflateRaw(std::string_view packed, std::uint64_t size) {
  std::string out(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail(ErrorCode::kInternal, "zlib");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(size);
  const int outcome = inflate(&stream, Z_FINISH);
  const bool complete = outcome == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  if (!complete) return fail(ErrorCode::kMalformed, "a zip entry does not unpack");
  return out;
}

// Central directory of APPNOTE 6.3, with the ZIP64 sizes where they are given.
struct Directory {
  std::uint64_t offset = 0, entries = 0;
};
Result<Directory> findDirectory(std::string_view s) {
  if (s.size() < 22) return fail(ErrorCode::kMalformed, "too short for a zip");
  for (std::size_t back = 22; back <= std::min<std::size_t>(s.size(), 22 + 65535); ++back) {
    const std::size_t at = s.size() - back;
    if (little(s, at, 4) != 0x06054B50U) continue;
    Directory d{little(s, at + 16, 4), little(s, at + 10, 2)};
    if ((d.offset == 0xFFFFFFFFU || d.entries == 0xFFFF) && at >= 20 &&
        little(s, at - 20, 4) == 0x07064B50U) {
      const std::uint64_t end64 = little(s, at - 20 + 8, 8);
      if (end64 + 56 > s.size() || little(s, end64, 4) != 0x06064B50U) break;
      d.entries = little(s, end64 + 32, 8);
      d.offset = little(s, end64 + 48, 8);
    }
    return d;
  }
  return fail(ErrorCode::kMalformed, "no end of central directory");
}

}  // namespace

Result<std::vector<ZipEntry>> readZip(std::string_view s, std::uint64_t limit) {
  TRY_ASSIGN(const Directory directory, findDirectory(s));
  std::vector<ZipEntry> out;
  std::uint64_t at = directory.offset, total = 0;
  for (std::uint64_t n = 0; n < directory.entries; ++n) {
    if (at + 46 > s.size() || little(s, at, 4) != 0x02014B50U)
      return fail(ErrorCode::kMalformed, "bad central directory");
    const auto method = little(s, at + 10, 2);
    const auto crc = little(s, at + 16, 4);
    std::uint64_t packed = little(s, at + 20, 4), size = little(s, at + 24, 4), local = little(s, at + 42, 4);
    const auto name_size = little(s, at + 28, 2), extra_size = little(s, at + 30, 2),
               comment_size = little(s, at + 32, 2);
    if (at + 46 + name_size + extra_size > s.size())
      return fail(ErrorCode::kMalformed, "bad central directory");
    // ZIP64 extended information: only the fields that overflowed, in this order.
    for (std::uint64_t e = at + 46 + name_size; e + 4 <= at + 46 + name_size + extra_size;) {
      const auto id = little(s, e, 2), length = little(s, e + 2, 2);
      std::uint64_t field = e + 4;
      if (e + 4 + length > s.size()) break;
      if (id == 1) {
        for (std::uint64_t* value : {&size, &packed, &local}) {
          if (*value != 0xFFFFFFFFU || field + 8 > e + 4 + length) continue;
          *value = little(s, field, 8);
          field += 8;
        }
      }
      e += 4 + length;
    }
    total += size;
    if (total > limit) return fail(ErrorCode::kLimit, "the zip unpacks to too much");
    if (local + 30 > s.size() || little(s, local, 4) != 0x04034B50U)
      return fail(ErrorCode::kMalformed, "bad local header");
    const std::uint64_t data = local + 30 + little(s, local + 26, 2) + little(s, local + 28, 2);
    if (data + packed > s.size() || (method != 0 && method != 8))
      return fail(ErrorCode::kMalformed, "bad zip entry");
    ZipEntry entry;
    entry.name = s.substr(at + 46, name_size);
    if (method == 0) {
      entry.content = s.substr(data, packed);
    } else {
      TRY_ASSIGN(entry.content, inflateRaw(s.substr(data, packed), size));
    }
    const auto found = crc32_z(0, reinterpret_cast<const Bytef*>(entry.content.data()), entry.content.size());
    if (found != crc) return fail(ErrorCode::kMalformed, "wrong CRC in the zip");
    out.push_back(std::move(entry));
    at += 46 + name_size + extra_size + comment_size;
  }
  return out;
}

Result<std::vector<std::vector<std::string>>> readCsv(std::string_view s) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  std::size_t i = 0;
  const auto endRow = [&] {
    row.push_back(std::move(cell));
    cell.clear();
    rows.push_back(std::move(row));
    row.clear();
    return rows.back().size() == rows.front().size();
  };
  while (i < s.size()) {
    if (s[i] == '"' && cell.empty()) {
      for (++i; i < s.size(); ++i) {
        if (s[i] != '"') {
          cell.push_back(s[i]);
        } else if (i + 1 < s.size() && s[i + 1] == '"') {
          cell.push_back(s[i++]);
        } else {
          break;
        }
      }
      if (i == s.size()) return fail(ErrorCode::kMalformed, "a quote is not closed");
      ++i;
      if (i < s.size() && s[i] != ',' && s[i] != '\r' && s[i] != '\n')
        return fail(ErrorCode::kMalformed, "text behind a quote");
    } else if (s[i] == ',') {
      row.push_back(std::move(cell));
      cell.clear();
      ++i;
    } else if (s[i] == '\r' && i + 1 < s.size() && s[i + 1] == '\n') {
      if (!endRow()) return fail(ErrorCode::kMalformed, "a row has another number of cells than the header");
      i += 2;
    } else if (s[i] == '\r' || s[i] == '\n' || s[i] == '"') {
      return fail(ErrorCode::kMalformed, "a line end or quote that is not quoted");
    } else {
      cell.push_back(s[i++]);
    }
  }
  if (!row.empty() || !cell.empty()) return fail(ErrorCode::kMalformed, "the last line has no end");
  return rows;
}

namespace {

SubmittedTable& tableNamed(SubmittedFile& file, std::string_view name) {
  for (SubmittedTable& t : file.tables) {
    if (t.name == name) return t;
  }
  file.tables.push_back({std::string(name), {}, {}, {}});
  return file.tables.back();
}

void readCsvEntry(SubmittedFile& file, const ZipEntry& entry) {
  std::string_view name = entry.name;
  if (!name.ends_with(".csv")) {
    file.errors.push_back("unexpected entry in the zip: " + entry.name);
    return;
  }
  name.remove_suffix(4);
  const bool deleted = name.ends_with("_deleted");
  if (deleted) name.remove_suffix(8);
  auto rows = readCsv(entry.content);
  if (!rows || rows->empty()) {
    file.errors.push_back(entry.name + ": " + (rows ? "no header row" : rows.error().text));
    return;
  }
  SubmittedTable& table = tableNamed(file, name);
  if (!table.columns.empty() && table.columns != rows->front())
    file.errors.push_back(entry.name + ": other columns than the table's");
  table.columns = rows->front();
  auto& to = deleted ? table.deletes : table.upserts;
  for (std::size_t i = 1; i < rows->size(); ++i) to.push_back({std::move((*rows)[i])});
}

// The manifest's SHA-256 and row counts must be those of the files.
void checkManifest(SubmittedFile& file, const std::vector<ZipEntry>* entries) {
  if (file.manifest.empty()) {
    file.errors.emplace_back("no manifest: the file may have been cut short");
    return;
  }
  for (const std::string_view one : elements(memberOf(file.manifest, "tables"))) {
    const std::string name = textOf(one, "table");
    const auto it =
        std::find_if(file.tables.begin(), file.tables.end(), [&](const auto& t) { return t.name == name; });
    const std::size_t upserts = it == file.tables.end() ? 0 : it->upserts.size();
    const std::size_t deletes = it == file.tables.end() ? 0 : it->deletes.size();
    if (memberOf(one, "upserts") != std::to_string(upserts) ||
        memberOf(one, "deletes") != std::to_string(deletes)) {
      file.errors.push_back("manifest: other counts than the rows of " + name);
    }
    if (entries == nullptr) continue;
    for (const std::string_view part : elements(memberOf(one, "files"))) {
      const std::string part_name = textOf(part, "name");
      const auto entry = std::find_if(entries->begin(), entries->end(),
                                      [&](const ZipEntry& e) { return e.name == part_name; });
      if (entry == entries->end() || sha256Hex(entry->content) != textOf(part, "sha256")) {
        file.errors.push_back("manifest: missing or wrong checksum of " + part_name);
      }
    }
  }
}

void readLine(SubmittedFile& file, std::string_view line, std::size_t number) {
  if (!wellFormed(line)) {
    file.errors.push_back("line " + std::to_string(number) + " is not a JSON object");
    return;
  }
  if (const std::string_view manifest = memberOf(line, "manifest"); !manifest.empty()) {
    file.manifest = manifest;
    return;
  }
  if (!file.manifest.empty()) file.errors.emplace_back("rows behind the manifest");
  SubmittedTable& table = tableNamed(file, textOf(line, "table"));
  auto& to = textOf(line, "action") == "delete" ? table.deletes : table.upserts;
  if (memberOf(line, "rowNumber") != std::to_string(to.size() + 1)) {
    file.errors.push_back("line " + std::to_string(number) + ": rowNumber is out of order");
  }
  SubmittedRow row;
  row.cells.resize(table.columns.size());
  for (const Member& m : members(memberOf(line, "fields"))) {
    auto column = std::find(table.columns.begin(), table.columns.end(), m.name);
    if (column == table.columns.end()) {
      table.columns.emplace_back(m.name);
      column = table.columns.end() - 1;
      row.cells.resize(table.columns.size());
    }
    row.cells[static_cast<std::size_t>(column - table.columns.begin())] = unquote(m.value);
  }
  to.push_back(std::move(row));
}

}  // namespace

SubmittedFile readSubmission(std::string_view content) {
  SubmittedFile file;
  if (content.starts_with("PK")) {
    auto entries = readZip(content);
    if (!entries) {
      file.errors.push_back(entries.error().text);
      return file;
    }
    for (const ZipEntry& entry : *entries) {
      if (entry.name == "manifest.json") {
        if (wellFormed(entry.content)) file.manifest = entry.content;
      } else {
        readCsvEntry(file, entry);
      }
    }
    checkManifest(file, &*entries);
    return file;
  }
  std::size_t number = 0;
  while (!content.empty()) {
    const auto end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    content = end == std::string_view::npos ? std::string_view{} : content.substr(end + 1);
    ++number;
    if (!line.empty()) readLine(file, line, number);
    if (file.errors.size() > 20) return file;
  }
  for (SubmittedTable& t : file.tables) {
    for (auto* rows : {&t.upserts, &t.deletes}) {
      for (SubmittedRow& row : *rows) row.cells.resize(t.columns.size());
    }
  }
  checkManifest(file, nullptr);
  return file;
}

}  // namespace tributary::simulator
