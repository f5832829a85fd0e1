#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/issue.h"
#include "base/result.h"
#include "deliver/assembly.h"
#include "deliver/internal/output_file.h"

namespace tributary::deliver {

// How the rows of a submission become bytes; one implementation a form. The Assembler has checked order, widths and
// numbers by the time that it calls.
class FormWriter {
 public:
  virtual ~FormWriter() = default;
  virtual Result<void> beginTable(const TableLayout& table) = 0;
  // `number` counts from 1 within the table at hand and the action.
  virtual Result<void> add(std::span<const std::string_view> cells, bool is_delete, std::uint64_t number) = 0;
  virtual Result<void> endTable() = 0;
  // Writes what follows the last table. `done` are the tables that had rows, in order.
  virtual Result<void> finish(std::span<const TableCount> done) = 0;
  // What had to be changed so that the form can carry it.
  virtual std::vector<Issue> issues() const { return {}; }
};

// Each borrows `file` for its lifetime; `options` are those of the submission.
Result<std::unique_ptr<FormWriter>> makeCsvZipWriter(OutputFile& file, const AssemblyOptions& options);
Result<std::unique_ptr<FormWriter>> makeNdjsonWriter(OutputFile& file, const AssemblyOptions& options);
Result<std::unique_ptr<FormWriter>> makeXmlWriter(OutputFile& file, const AssemblyOptions& options,
                                                  std::span<const TableLayout> tables);

// What the file speaks of, as the manifest names it: "continuous" (changes), "month" (all of one) or "window".
inline const char* modeName(const AssemblyOptions& options) {
  return options.continuous ? "continuous" : options.whole_month ? "month" : "window";
}

// The manifest as JSON (README.md, "The files"). `files`: the member of that name of each table, or empty for none.
std::string manifestJson(const AssemblyOptions& options, std::span<const TableCount> done,
                         std::span<const std::string> files);

}  // namespace tributary::deliver
