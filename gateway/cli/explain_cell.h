#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collection/cell_watch.h"
#include "collection/collection.h"
#include "collection/lineage.h"
#include "collection/mapping_files.h"

namespace tributary::cli {

// Says in words where the cells of one field come from. Prints patient data: to the terminal of who asked.
class CellExplainer {
 public:
  // Where an element stands, for people: "patient.json:12:7", "epr Encounter/1, journal 42, byte 310".
  using Locate = std::function<std::string(const fhir::Document&, fhir::NodeIndex)>;

  // The resource that lineage names by this journal number; nullptr: not at hand.
  using Held = std::function<const fhir::Document*(std::uint64_t)>;

  // Without `tell_elements` those that a value was read from are not told (a ledger tells them itself).
  CellExplainer(const collection::Collection& collection, const std::filesystem::path& folder, std::uint16_t table,
                std::uint16_t field, Locate locate, Held held, bool tell_elements = true);

  // What the field is, its rules, and the expressions that fill it.
  void head() const;
  // One row: the value, what each expression met, the translation, the rules that it broke.
  void row(const collection::Row& row, std::span<const collection::Attempt> attempts,
           const collection::Projection& projection) const;
  // The expression of a source; false: the source does not fill the field.
  bool expression(std::size_t source, const char* indent) const;

 private:
  void rules() const;
  // The elements that a cell was read from.
  void elements(const collection::CellLineage& from) const;
  bool read(const collection::CellLineage& from, std::string_view cell) const;
  void attempt(const collection::Attempt& attempt, std::string_view cell, bool gave, bool direct) const;
  void conversion(const views::Column& column, const std::string& value, std::string_view cell) const;
  void translations(const collection::Attempt& attempt, std::string_view cell) const;
  void stop(const collection::Stop& stop, const collection::Attempt& attempt) const;
  void issues(const collection::Row& row, const collection::Projection& projection) const;
  std::string content(const fhir::Document& document, fhir::NodeIndex node) const;

  const collection::Collection& collection_;
  std::uint16_t table_, field_;
  Locate locate_;
  Held held_;
  bool tell_elements_;
  std::vector<collection::MapFile> maps_;
  std::map<std::size_t, std::uint32_t> lines_;  // of the expressions, by source
};

}  // namespace tributary::cli
