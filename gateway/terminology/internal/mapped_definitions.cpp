#include "terminology/internal/mapped_definitions.h"

#include <algorithm>
#include <array>

namespace tributary::terminology {

Result<std::shared_ptr<const Definitions>> Definitions::open(const std::filesystem::path& compiled) {
  auto file = MappedFile::open(compiled);
  if (!file) {
    Error error = std::move(file).error();
    error.text = "definitions: " + error.text;
    return std::unexpected(std::move(error));
  }
  return internal::MappedDefinitions::make(std::move(*file), {});
}

Result<std::shared_ptr<const Definitions>> Definitions::fromBytes(std::string compiled) {
  return internal::MappedDefinitions::make(std::nullopt, std::move(compiled));
}

namespace internal {

Result<std::shared_ptr<const MappedDefinitions>> MappedDefinitions::make(std::optional<MappedFile> file,
                                                                         std::string held) {
  std::shared_ptr<MappedDefinitions> made(new MappedDefinitions);
  made->file_ = std::move(file);
  made->held_ = std::move(held);
  TRY_ASSIGN(made->view_, View::open(made->file_ ? made->file_->bytes() : std::string_view(made->held_)));
  return made;
}

TypeId MappedDefinitions::findType(std::string_view name) const {
  constexpr std::string_view kFhir = "FHIR.";
  constexpr std::string_view kSystem = "System.";
  if (name.starts_with(kFhir)) {
    name.remove_prefix(kFhir.size());
    if (name.starts_with(kSystem)) return kNoType;
    const std::uint32_t found = view_.findType(name);
    return found == kNone ? kNoType : static_cast<TypeId>(view_.type_names[found].type);
  }
  std::uint32_t found = view_.findType(name);
  if (std::array<char, 32> buffer{}; found == kNone && name.size() + kSystem.size() <= buffer.size()) {
    char* const end = std::ranges::copy(name, std::ranges::copy(kSystem, buffer.begin()).out).out;
    found = view_.findType({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
  }
  return found == kNone ? kNoType : static_cast<TypeId>(view_.type_names[found].type);
}

std::string_view MappedDefinitions::typeName(TypeId type) const {
  return known(type) ? view_.text(view_.types[type].name) : std::string_view();
}
TypeKind MappedDefinitions::typeKind(TypeId type) const {
  return known(type) ? view_.types[type].kind : TypeKind::kComplex;
}
TypeId MappedDefinitions::baseType(TypeId type) const {
  return known(type) ? view_.types[type].base : kNoType;
}
TypeId MappedDefinitions::systemType(TypeId type) const {
  return known(type) ? view_.types[type].system : kNoType;
}
TypeId MappedDefinitions::typeCount() const {
  return static_cast<TypeId>(view_.types.size());
}

bool MappedDefinitions::isA(TypeId type, TypeId ancestor) const {
  return known(type) && known(ancestor) && ancestor <= type && type <= view_.types[ancestor].last;
}

std::span<const Element> MappedDefinitions::elements(TypeId type) const {
  return known(type) ? View::slice(view_.elements, view_.types[type].elements) : std::span<const Element>();
}

const Element* MappedDefinitions::element(TypeId type, fhir::NameId name) const {
  if (name == fhir::kNoName) return nullptr;
  const std::span<const Element> all = elements(type);
  const auto it = std::ranges::lower_bound(all, name, {}, &Element::name);
  return it != all.end() && it->name == name ? &*it : nullptr;
}

std::span<const Element> MappedDefinitions::path(TypeId type, std::string_view name) const {
  if (!known(type)) return {};
  const std::span<const PathRecord> all = View::slice(view_.paths, view_.types[type].paths);
  const auto text = [this](const PathRecord& record) { return view_.text(record.name); };
  const auto it = std::ranges::lower_bound(all, name, {}, text);
  return it != all.end() && text(*it) == name ? View::slice(view_.elements, it->elements)
                                              : std::span<const Element>();
}

std::string_view MappedDefinitions::elementName(const Element& element) const {
  const auto index = static_cast<std::size_t>(&element - view_.elements.data());
  return index < view_.element_names.size() ? view_.text(view_.element_names[index]) : std::string_view();
}

std::string_view MappedDefinitions::resource(std::string_view canonical) const {
  const std::uint32_t found = view_.findResource(canonical);
  if (found == kNone) return {};
  const ResourceRecord& record = view_.resources[found];
  if (record.offset > view_.bodies.size() || record.length > view_.bodies.size() - record.offset) return {};
  return view_.bodies.substr(record.offset, record.length);
}

std::vector<std::string_view> MappedDefinitions::canonicals(std::string_view resource_type) const {
  std::vector<std::string_view> urls;
  for (const ResourceRecord& record : view_.resources) {
    if (view_.text(record.type) == resource_type) urls.push_back(view_.text(record.url));
  }
  std::ranges::sort(urls);
  const auto duplicates = std::ranges::unique(urls);
  urls.erase(duplicates.begin(), duplicates.end());
  return urls;
}

std::vector<PackageInfo> MappedDefinitions::packages() const {
  std::vector<PackageInfo> packages;
  for (const PackageRecord& record : view_.packages) {
    packages.push_back({view_.text(record.name), view_.text(record.version), record.resources});
  }
  return packages;
}

}  // namespace internal
}  // namespace tributary::terminology
