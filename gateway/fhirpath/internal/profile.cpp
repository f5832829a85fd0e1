#include "fhirpath/internal/profile.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "fhir/json_reader.h"

namespace tributary::fhirpath {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::kNoNode;
using fhir::NodeIndex;

constexpr std::size_t kMostSegments = 40;

std::string_view text(const Document& d, NodeIndex object, std::string_view name) {
  const NodeIndex node = d.member(object, name);
  return node == kNoNode || d[node].kind >= Kind::kArray || d[node].kind == Kind::kNull ? std::string_view{}
                                                                                        : d.scalar(node);
}

template <typename Each>
void eachItem(const Document& d, NodeIndex object, std::string_view name, Each each) {
  const NodeIndex array = d.member(object, name);
  if (array == kNoNode || d[array].kind != Kind::kArray) return;
  for (NodeIndex i = array + 1; i < d[array].next; i = d[i].next) each(i);
}

std::uint32_t number(std::string_view text, std::uint32_t otherwise) {
  std::uint32_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class ProfileReader {
 public:
  ProfileReader(Profile& profile, const terminology::Definitions& definitions)
      : profile_(profile), document_(*profile.document), definitions_(definitions) {}

  void read() {
    const NodeIndex root = document_.root();
    url_ = text(document_, root, "url");
    profile_.type = text(document_, root, "type");
    if (text(document_, root, "derivation") == "constraint")
      profile_.base = text(document_, root, "baseDefinition");
    NodeIndex view = document_.member(root, "snapshot");
    if (view == kNoNode) view = document_.member(root, "differential");
    if (view == kNoNode || document_[view].kind != Kind::kObject) return;
    eachItem(document_, view, "element", [&](NodeIndex element) {
      if (document_[element].kind == Kind::kObject) add(element);
    });
  }

 private:
  // The node for an element's id, such as "Patient.identifier:nhsNumber.value": made on the way.
  void add(NodeIndex element) {
    std::string_view id = text(document_, element, "id");
    if (id.empty()) id = text(document_, element, "path");
    ProfileNode* node = &profile_.root;
    std::size_t segments = 0;
    for (std::size_t at = id.find('.'); at != std::string_view::npos;) {
      if (++segments > kMostSegments) return;
      const std::size_t end = id.find('.', at + 1);
      node = &below(*node, id.substr(at + 1, end == std::string_view::npos ? end : end - at - 1));
      at = end;
    }
    fill(*node, element, segments == 0);
  }

  static ProfileNode& below(ProfileNode& parent, std::string_view segment) {
    std::string_view name = segment.substr(0, segment.find(':'));
    const std::string_view slice =
        name.size() < segment.size() ? segment.substr(name.size() + 1) : std::string_view{};
    if (name.ends_with("[x]")) name.remove_suffix(3);
    ProfileNode& element = named(parent.children, name, {});
    return slice.empty() ? element : named(element.slices, name, slice);
  }

  static ProfileNode& named(std::vector<std::unique_ptr<ProfileNode>>& among, std::string_view name,
                            std::string_view slice) {
    const auto found = std::ranges::find_if(
        among, [&](const auto& node) { return node->name == name && node->slice == slice; });
    if (found != among.end()) return **found;
    among.push_back(std::make_unique<ProfileNode>());
    among.back()->name = name;
    among.back()->slice = slice;
    return *among.back();
  }

  void fill(ProfileNode& node, NodeIndex element, bool is_root) {
    node.definition = element;
    node.min = is_root ? 0 : number(text(document_, element, "min"), 0);
    node.max = is_root ? ProfileNode::kMany : number(text(document_, element, "max"), ProfileNode::kMany);
    for (NodeIndex i = element + 1; i < document_[element].next; i = document_[i].next) {
      const std::string_view name = document_.name(i);
      if (name.starts_with("fixed")) node.fixed = i;
      if (name.starts_with("pattern")) node.pattern = i;
    }
    if (const NodeIndex binding = document_.member(element, "binding");
        binding != kNoNode && text(document_, binding, "strength") == "required") {
      node.binding = text(document_, binding, "valueSet");
    }
    eachItem(document_, element, "type", [&](NodeIndex type) {
      node.types.emplace_back(text(document_, type, "code"));
      eachItem(document_, type, "profile",
               [&](NodeIndex p) { node.type_profiles.emplace_back(document_.scalar(p)); });
      eachItem(document_, type, "targetProfile",
               [&](NodeIndex p) { node.targets.emplace_back(document_.scalar(p)); });
    });
    if (const std::string_view content = text(document_, element, "contentReference");
        content.starts_with('#')) {
      node.content = content.substr(1);
    }
    readSlicing(node, element);
    readInvariants(node, element);
  }

  void readSlicing(ProfileNode& node, NodeIndex element) const {
    const NodeIndex slicing = document_.member(element, "slicing");
    if (slicing == kNoNode) return;
    eachItem(document_, slicing, "discriminator", [&](NodeIndex d) {
      using enum ProfileSlicing::By;
      const std::string_view type = text(document_, d, "type");
      node.slicing.discriminators.push_back({type == "value" || type == "pattern" ? kValue
                                             : type == "type"                     ? kType
                                             : type == "exists"                   ? kExists
                                                                                  : kOther,
                                             std::string(text(document_, d, "path"))});
    });
    const std::string_view rules = text(document_, slicing, "rules");
    node.slicing.rules = rules == "closed"      ? ProfileSlicing::Rules::kClosed
                         : rules == "openAtEnd" ? ProfileSlicing::Rules::kOpenAtEnd
                                                : ProfileSlicing::Rules::kOpen;
    node.slicing.ordered = text(document_, slicing, "ordered") == "true";
  }

  void readInvariants(ProfileNode& node, NodeIndex element) const {
    CompileOptions options;
    options.definitions = &definitions_;
    options.resource_type = profile_.type;
    const std::string path(text(document_, element, "path"));
    if (definitions_.findType(path) != terminology::kNoType) {
      options.context_type = path;
    } else if (node.types.size() == 1 && definitions_.findType(node.types[0]) != terminology::kNoType) {
      options.context_type = node.types[0];
    }
    eachItem(document_, element, "constraint", [&](NodeIndex c) {
      if (text(document_, c, "severity") != "error") return;
      // A snapshot repeats what it has taken over; that is looked at where it comes from.
      const std::string_view source = text(document_, c, "source");
      if (!source.empty() && source != url_) return;
      const std::string_view expression = text(document_, c, "expression");
      const bool asks = std::ranges::any_of(
          std::array<std::string_view, 4>{"memberOf(", "subsume", "conformsTo(", "resolve("},
          [&](std::string_view function) { return expression.find(function) != std::string_view::npos; });
      auto program = compile(expression, options);
      node.invariants.push_back(
          {std::string(text(document_, c, "key")), program ? std::move(*program) : nullptr, asks});
    });
  }

  Profile& profile_;
  const Document& document_;
  const terminology::Definitions& definitions_;
  std::string_view url_;
};

}  // namespace

std::unique_ptr<Profile> readProfile(std::string_view json, const terminology::Definitions& definitions) {
  auto profile = std::make_unique<Profile>();
  profile->document = std::make_unique<Document>();
  fhir::ReadOptions options;
  options.own_text = true;
  if (!fhir::JsonReader().read(json, *profile->document, options)) return nullptr;
  if (profile->document->resourceType() != "StructureDefinition") return nullptr;
  ProfileReader(*profile, definitions).read();
  return profile;
}

const ProfileNode* findElement(const Profile& profile, std::string_view id) {
  const ProfileNode* node = &profile.root;
  for (std::size_t at = id.find('.'); at != std::string_view::npos;) {
    const std::size_t end = id.find('.', at + 1);
    const std::string_view name = id.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    const auto child = std::ranges::find_if(node->children, [&](const auto& c) { return c->name == name; });
    if (child == node->children.end()) return nullptr;
    node = child->get();
    at = end;
  }
  return node;
}

FoundSlice findSlice(const ProfileNode& below, std::string_view name, unsigned depth) {
  if (depth > kMostSegments) return {};
  for (const auto& child : below.children) {
    for (const auto& slice : child->slices) {
      if (slice->slice == name) return {child.get(), slice.get()};
      if (const FoundSlice deeper = findSlice(*slice, name, depth + 1); deeper.slice != nullptr)
        return deeper;
    }
    if (const FoundSlice deeper = findSlice(*child, name, depth + 1); deeper.slice != nullptr) return deeper;
  }
  return {};
}

}  // namespace tributary::fhirpath
