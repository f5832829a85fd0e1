#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "terminology/compile.h"
#include "terminology/internal/json_view.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

// Makes the type tables out of StructureDefinitions: those that define a type (specialisations and logical
// models); profiles are left to the caller. Two steps, as a type may be used before it is defined.
class TypeBuilder {
 public:
  // True when the definition is one of a type.
  bool add(JsonView definition, std::string_view file);
  // Fills types, elements, paths and type names of `tables`, and their index.
  void finish(Tables& tables, std::vector<CompileWarning>& warnings);

 private:
  struct RawElement {
    std::string path;
    std::vector<std::string>
        types;  // codes, System types replaced by the FHIR primitive where that is what is meant
    std::string content_reference;  // path of the element it takes its content from
    std::uint8_t min = 0;
    bool repeats = false;
    bool prohibited = false;  // max 0
  };
  struct Definition {
    std::string name, url, base, file;
    TypeKind kind = TypeKind::kComplex;
    bool snapshot = true;
    std::vector<RawElement> elements;
  };
  // A type to be numbered: a definition or a backbone element of one.
  struct Pending {
    std::string name;
    TypeKind kind = TypeKind::kComplex;
    std::string base;  // name
    const Definition* definition = nullptr;
    std::size_t first = 0;  // index of its own element in definition->elements
    TypeId id = kNoType;
  };
  struct Member {
    std::string name, path_name;
    TypeId type = kNoType;
    bool repeats = false, choice = false;
    std::uint8_t min = 0;
  };

  static RawElement readElement(JsonView element, bool of_resource);
  void collectPending();
  void numberTypes();
  TypeId typeByName(std::string_view name) const;
  TypeId elementType(const Pending& owner, const RawElement& element, std::string_view code) const;
  std::vector<Member> ownMembers(const Pending& type, std::vector<CompileWarning>& warnings) const;
  void inheritMembers(const Pending& type, std::vector<Member>& members) const;
  void fixPrimitive(const Pending& type, std::vector<Member>& members) const;
  void writeType(Tables& tables, const Pending& type, const std::vector<Member>& members) const;

  std::map<std::string, Definition> definitions_;  // by name; a later one of the same name wins
  std::vector<Pending> pending_;                   // in id order after numberTypes; [0] is none
  std::vector<TypeId> last_;                       // last descendant of each type
  std::map<std::string, TypeId, std::less<>> by_name_;
  std::map<TypeId, std::vector<Member>> members_;
};

}  // namespace tributary::terminology::internal
