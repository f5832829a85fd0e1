#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "views/runner.h"
#include "views/view.h"

namespace tributary::views {

enum class RowFormat : std::uint8_t {
  kCsv,     // RFC 4180, header first, "\n" ends a line; null is an empty field, a list its JSON
  kNdjson,  // one JSON object a row, members in the order of the columns; numbers as they stood
  kTable,   // for people: columns lined up; a cell that is too long is cut
};

// Writes rows as text into a buffer that the caller empties. One a thread.
class RowWriter : public RowSink {
 public:
  // Appends to `out`, which must live as long as the writer. The view too.
  static std::unique_ptr<RowWriter> make(RowFormat format, const View& view, std::string& out);

  // Before the first row: a CSV header line. Needed once.
  virtual void begin() = 0;
  // After the last row: a table holds its first rows back to measure them.
  virtual void end() = 0;
  // The rows since mark() are not wanted after all (the resource had a problem).
  virtual void mark() = 0;
  virtual void rollback() = 0;

  std::size_t rows() const { return rows_; }

 protected:
  std::size_t rows_ = 0;
};

// Appends a cell as JSON; null is `null`.
void writeCellJson(const Cell& cell, std::string& out);
// Appends a cell as a CSV field.
void writeCellCsv(const Cell& cell, std::string& out);

}  // namespace tributary::views
