#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tributary::deliver {

// How rows become one XML document. The names that are not given are those of the collection's tables and columns. A file
// of the collection (or the user's own) says it, README.md, "XML"; the members below are that file's defaults.
struct XmlLayout {
  enum class Fields : std::uint8_t { kElements, kAttributes };
  enum class Empty : std::uint8_t { kOmit, kElement, kNil };  // of an empty cell; kNil: xsi:nil="true"

  std::string root = "Submission";
  std::string name_space = {};                                               // default namespace; empty: none
  std::vector<std::pair<std::string, std::string>> root_attributes = {};     // values with {submissionId}, {collection}, {generated}
  std::string group = {};                                                    // around the rows of a table; "{table}" is its name; empty: none
  std::string row = "{table}";
  Fields fields = Fields::kElements;
  Empty empty = Empty::kOmit;
  std::string delete_attribute = "action", delete_value = "delete";          // on a withdrawn row; no attribute: such rows are refused
  std::string manifest = "Manifest";                                         // element behind the last table; empty: none
  bool replace_illegal = true;                                               // what XML cannot carry becomes U+FFFD; otherwise the row is refused
  std::vector<std::string> order = {};                                       // tables that come first, in this order
  std::map<std::string, std::string> names = {};                             // "Table" or "Table.Column" to the name in the document
};

// The file's faults, all at once, each with its line: kInvalidArgument.
Result<XmlLayout> readXmlLayout(const std::filesystem::path& path);
Result<XmlLayout> parseXmlLayout(std::string_view json, const std::string& name);

// Letters, digits, '.', '-', '_' and what is not ASCII, beginning with none of the digits, '.' and '-'.
bool isXmlName(std::string_view name);

}  // namespace tributary::deliver
