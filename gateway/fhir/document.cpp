#include "fhir/document.h"

#include <algorithm>
#include <cstring>

namespace tributary::fhir {

NodeIndex Document::member(NodeIndex object, std::string_view name) const {
  NameId companion = 0;
  if (name.starts_with('_')) {
    companion = kCompanion;
    name.remove_prefix(1);
  }
  NameId id = findName(name);
  if (id == kNoName) {
    const auto found = std::find(local_names_.begin(), local_names_.end(), name);
    if (found == local_names_.end()) return kNoNode;
    id = static_cast<NameId>(kLocalName | (found - local_names_.begin()));
  }
  return member(object, static_cast<NameId>(id | companion));
}

std::string_view Document::name(NodeIndex i) const {
  const auto id = static_cast<NameId>(nodes_[i].name & ~kCompanion);
  return (id & kLocalName) != 0 ? local_names_[id & ~kLocalName] : nameText(id);
}

std::string_view Document::resourceType() const {
  if (empty() || nodes_[0].kind != Kind::kObject) return {};
  const NodeIndex type = member(root(), names::kResourceType);
  return type != kNoNode && nodes_[type].kind == Kind::kString ? scalar(type) : std::string_view{};
}

std::uint64_t Document::sourceOffset(NodeIndex i) const {
  const Node& node = nodes_[i];
  std::uint32_t offset = node.offset;
  if ((node.flags & kEscaped) != 0)
    std::memcpy(&offset, arena_.data() + node.offset - sizeof offset, sizeof offset);
  return base_offset_ + offset;
}

Position Document::position(NodeIndex i) const {
  const std::uint64_t offset = sourceOffset(i);
  const std::string_view before = text_.substr(0, static_cast<std::size_t>(offset - base_offset_));
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {offset, base_line_ + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')),
          static_cast<std::uint32_t>(before.size() - line_start + 1)};
}

std::string_view Document::raw(NodeIndex container) const {
  const Node& node = nodes_[container];
  if (xml_ || node.kind < Kind::kArray) return {};
  return text_.substr(node.offset, node.length);
}

std::size_t Document::memory() const {
  std::size_t bytes = nodes_.capacity() * sizeof(Node) + arena_.capacity() +
                      local_names_.capacity() * sizeof(std::string_view) +
                      arena_names_.capacity() * sizeof(std::unique_ptr<std::string>);
  if (owned_ != nullptr) bytes += owned_->capacity();
  for (const auto& name : arena_names_) bytes += sizeof(std::string) + name->capacity();
  return bytes;
}

void Document::indexRoot() {
  root_.count = 0;
  root_.type_length = 0;
  if (empty() || nodes_[0].kind != Kind::kObject) return;
  std::size_t count = 0;
  for (NodeIndex i = 1; i < nodes_[0].next; i = nodes_[i].next) {
    if (count == RootIndex::kMost) return;
    root_.names[count] = nodes_[i].name;
    root_.nodes[count++] = i;
    if (nodes_[i].name != names::kResourceType || nodes_[i].kind != Kind::kString) continue;
    const std::string_view type = scalar(i);
    if (type.size() > root_.type.size()) continue;
    std::copy(type.begin(), type.end(), root_.type.begin());
    root_.type_length = static_cast<std::uint8_t>(type.size());
  }
  std::fill(root_.names.begin() + static_cast<std::ptrdiff_t>(count), root_.names.end(), kNoName);
  root_.count = static_cast<std::uint8_t>(count);
}

void Document::release() {
  *this = Document();
}

}  // namespace tributary::fhir
