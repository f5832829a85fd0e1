#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::simulator {

enum class CellShape : std::uint8_t { kText, kDigits, kDecimal, kDate, kTime, kDateTime, kPostcode, kSnomed };

struct NationalField {
  std::string name;
  CellShape shape = CellShape::kText;
  std::size_t min = 0, max = 0;  // characters; digits before the point for kDecimal
  std::size_t decimals = 0;
  bool mandatory = false;
  bool pilot = false;
  const std::set<std::string, std::less<>>* codes = nullptr;
};

// A value that should be a key of another table; a warning where it is not.
struct NationalLink {
  std::size_t field = 0;
  std::string table;
};

struct NationalTable {
  std::string code, physical_name;
  std::vector<NationalField> fields;
  std::vector<std::size_t> key;  // empty: the whole row
  bool primary_key = false;      // one field that is unique in a file
  std::string parent;            // table code
  std::size_t parent_field = 0;  // of this table; the parent's key field has the same name
  std::vector<NationalLink> links;
  int column(std::string_view name) const;
};

struct NationalModel {
  std::vector<NationalTable> tables;  // parents before children
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> lists;
  const NationalTable* find(std::string_view name) const;  // by code or physical name
};
const NationalModel& nationalModel();

// Empty when the cell is right, else what is wrong with it (never the value).
std::string_view checkShape(const NationalField& field, std::string_view cell);

}  // namespace tributary::simulator
