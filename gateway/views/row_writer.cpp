#include "views/row_writer.h"

#include <algorithm>
#include <vector>

#include "fhir/json_writer.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace tributary::views {

void writeCellJson(const Cell& cell, std::string& out) {
  switch (cell.kind) {
    case CellKind::kNull:
      out += "null";
      return;
    case CellKind::kBoolean:
    case CellKind::kNumber:
    case CellKind::kJson:
      out += cell.text;
      return;
    case CellKind::kString:
      fhir::writeJsonString(cell.text, out);
      return;
    case CellKind::kList:
      break;
  }
  out += '[';
  for (std::size_t i = 0; i < cell.items.size(); ++i) {
    if (i != 0) out += ',';
    writeCellJson(cell.items[i], out);
  }
  out += ']';
}

namespace {

bool special(char c) {
  return c == ',' || c == '"' || c == '\r' || c == '\n';
}

#ifdef __SSE2__
bool anySpecial16(const char* at) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i breaks =
      _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\r')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\n')));
  const __m128i marks =
      _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8(',')), _mm_cmpeq_epi8(text, _mm_set1_epi8('"')));
  return _mm_movemask_epi8(_mm_or_si128(breaks, marks)) != 0;
}
#endif

// A field that must stand in quotes (RFC 4180 2.6).
bool needsQuotes(std::string_view text) {
#ifdef __SSE2__
  if (text.size() >= 16) {
    std::size_t i = 0;
    for (; i + 16 <= text.size(); i += 16) {
      if (anySpecial16(text.data() + i)) return true;
    }
    return anySpecial16(text.data() + text.size() - 16);
  }
#endif
  return std::ranges::any_of(text, special);
}

void writeCsvText(std::string_view text, std::string& out) {
  if (!needsQuotes(text)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

void writeCellCsv(const Cell& cell, std::string& out) {
  if (cell.kind != CellKind::kList) {
    writeCsvText(cell.text, out);
    return;
  }
  std::string json;
  writeCellJson(cell, json);
  writeCsvText(json, out);
}

namespace {

class CsvWriter final : public RowWriter {
 public:
  CsvWriter(const View& view, std::string& out) : view_(view), out_(out) {}

  void begin() override {
    bool first = true;
    for (const Column& column : view_.columns()) {
      if (!first) out_ += ',';
      first = false;
      out_ += column.name;
    }
    out_ += '\n';
  }
  void end() override {}
  void mark() override { mark_ = {out_.size(), rows_}; }
  void rollback() override {
    out_.resize(mark_.first);
    rows_ = mark_.second;
  }
  bool row(std::span<const Cell> cells) override {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) out_ += ',';
      writeCellCsv(cells[i], out_);
    }
    // A line of one empty field would be no line to most readers.
    if (cells.size() == 1 && cells[0].text.empty() && cells[0].kind != CellKind::kList) out_ += "\"\"";
    out_ += '\n';
    ++rows_;
    return true;
  }

 private:
  const View& view_;
  std::string& out_;
  std::pair<std::size_t, std::size_t> mark_;
};

class NdjsonWriter final : public RowWriter {
 public:
  NdjsonWriter(const View& view, std::string& out) : out_(out) {
    for (const Column& column : view.columns()) {
      std::string lead = lead_.empty() ? "{" : ",";
      fhir::writeJsonString(column.name, lead);
      lead_.push_back(lead + ':');
    }
  }

  void begin() override {}
  void end() override {}
  void mark() override { mark_ = {out_.size(), rows_}; }
  void rollback() override {
    out_.resize(mark_.first);
    rows_ = mark_.second;
  }
  bool row(std::span<const Cell> cells) override {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out_ += lead_[i];
      writeCellJson(cells[i], out_);
    }
    out_ += "}\n";
    ++rows_;
    return true;
  }

 private:
  std::string& out_;
  std::vector<std::string> lead_;
  std::pair<std::size_t, std::size_t> mark_;
};

// Characters of UTF-8 text, near enough for a column's width.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

class TableWriter final : public RowWriter {
 public:
  TableWriter(const View& view, std::string& out) : view_(view), out_(out) {}

  void begin() override {}
  void end() override { flush(); }
  void mark() override { mark_ = {out_.size(), held_.size(), rows_}; }
  void rollback() override {
    if (flushed_) {
      out_.resize(mark_.size);
    } else {
      held_.resize(mark_.held);
    }
    rows_ = mark_.rows;
  }
  bool row(std::span<const Cell> cells) override {
    std::vector<std::string> texts(cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].kind == CellKind::kList)
        writeCellJson(cells[i], texts[i]);
      else
        texts[i] = cells[i].text;
      std::ranges::replace_if(texts[i], [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    }
    ++rows_;
    if (flushed_) {
      widen(texts);
      line(texts);
      return true;
    }
    held_.push_back(std::move(texts));
    if (held_.size() == kHeld) flush();
    return true;
  }

 private:
  static constexpr std::size_t kHeld = 200;   // rows that the first widths are measured by
  static constexpr std::size_t kWidest = 40;  // characters of a cell

  void flush() {
    if (flushed_) return;
    for (const Column& column : view_.columns()) widths_.push_back(width(column.name));
    for (const auto& texts : held_) widen(texts);
    std::vector<std::string> names, rules;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      names.push_back(view_.columns()[i].name);
      rules.emplace_back(widths_[i], '-');
    }
    line(names);
    line(rules);
    for (std::size_t i = 0; i < held_.size(); ++i) {
      if (i == mark_.held) mark_.size = out_.size();  // rollback() may come yet
      line(held_[i]);
    }
    if (mark_.held >= held_.size()) mark_.size = out_.size();
    held_.clear();
    flushed_ = true;
  }

  // A later row may need more room than the first ones did: from there on the column is wider.
  void widen(const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i)
      widths_[i] = std::max(widths_[i], std::min(width(texts[i]), kWidest));
  }

  void line(const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i != 0) out_ += "  ";
      const std::size_t wide = width(texts[i]);
      if (wide > widths_[i]) {
        std::size_t bytes = 0, characters = 0;  // cut, and say so with an ellipsis
        while (bytes < texts[i].size() && (characters + 1 < widths_[i] || (texts[i][bytes] & 0xC0) == 0x80)) {
          if ((texts[i][bytes] & 0xC0) != 0x80) ++characters;
          ++bytes;
        }
        out_.append(texts[i], 0, bytes);
        out_ += "…";
      } else {
        out_ += texts[i];
        if (i + 1 < texts.size()) out_.append(widths_[i] - wide, ' ');
      }
    }
    out_ += '\n';
  }

  struct Mark {
    std::size_t size = 0, held = 0, rows = 0;
  };
  const View& view_;
  std::string& out_;
  std::vector<std::vector<std::string>> held_;
  std::vector<std::size_t> widths_;
  Mark mark_;
  bool flushed_ = false;
};

}  // namespace

std::unique_ptr<RowWriter> RowWriter::make(RowFormat format, const View& view, std::string& out) {
  switch (format) {
    case RowFormat::kCsv:
      return std::make_unique<CsvWriter>(view, out);
    case RowFormat::kNdjson:
      return std::make_unique<NdjsonWriter>(view, out);
    case RowFormat::kTable:
      return std::make_unique<TableWriter>(view, out);
  }
  return nullptr;
}

}  // namespace tributary::views
