#pragma once
#include <optional>

#include "base/file.h"
#include "terminology/definitions.h"
#include "terminology/internal/tables.h"

namespace tributary::terminology::internal {

// Definitions over the bytes of a compiled file, mapped or held.
class MappedDefinitions final : public Definitions {
 public:
  static Result<std::shared_ptr<const MappedDefinitions>> make(std::optional<MappedFile> file,
                                                               std::string held);

  const View& view() const { return view_; }

  TypeId findType(std::string_view name) const override;
  std::string_view typeName(TypeId type) const override;
  TypeKind typeKind(TypeId type) const override;
  TypeId baseType(TypeId type) const override;
  bool isA(TypeId type, TypeId ancestor) const override;
  std::span<const Element> elements(TypeId type) const override;
  const Element* element(TypeId type, fhir::NameId name) const override;
  std::span<const Element> path(TypeId type, std::string_view name) const override;
  std::string_view elementName(const Element& element) const override;
  TypeId systemType(TypeId primitive) const override;
  TypeId typeCount() const override;
  std::string_view resource(std::string_view canonical) const override;
  std::vector<std::string_view> canonicals(std::string_view resource_type) const override;
  std::vector<PackageInfo> packages() const override;

 private:
  MappedDefinitions() = default;
  bool known(TypeId type) const { return type != kNoType && type < view_.types.size(); }

  std::optional<MappedFile> file_;
  std::string held_;
  View view_;
};

}  // namespace tributary::terminology::internal
