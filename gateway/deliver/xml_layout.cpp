#include "deliver/xml_layout.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/file.h"
#include "fhir/document.h"
#include "fhir/json_reader.h"

namespace tributary::deliver {
namespace {

using fhir::Document;
using fhir::Kind;
using fhir::NodeIndex;

constexpr std::size_t kLayoutBytes = 1 << 20;
constexpr std::string_view kTablePlaceholder = "{table}";

bool isNamePattern(std::string_view text) {
  std::string name(text);
  if (const auto at = name.find(kTablePlaceholder); at != std::string::npos) {
    name.replace(at, kTablePlaceholder.size(), "T");
  }
  return isXmlName(name);
}

// Reads the members of the file into the layout and gathers what is wrong.
class LayoutReader {
 public:
  LayoutReader(const Document& document, const std::string& file) : document_(document), file_(file) {}

  Result<XmlLayout> read() {
    forEachMember(document_.root(), [this](std::string_view name, NodeIndex value) {
      const auto reader = std::find_if(members_.begin(), members_.end(), [&](const auto& m) { return m.first == name; });
      if (reader == members_.end()) {
        fault(value, "there is no member '" + std::string(name) + "' in an XML layout");
      } else {
        reader->second(value);
      }
    });
    if (faults_.empty()) return std::move(layout_);
    return fail(ErrorCode::kInvalidArgument, faults_);
  }

 private:
  using Read = std::function<void(NodeIndex)>;

  void fault(NodeIndex at, const std::string& text) {
    faults_ += (faults_.empty() ? "" : "; ") + file_ + ":" + std::to_string(document_.position(at).line) + ": " + text;
  }
  std::string text(NodeIndex value) {
    if (document_[value].kind == Kind::kString) return std::string(document_.scalar(value));
    fault(value, "this must be a text");
    return {};
  }
  void name(NodeIndex value, std::string& out, bool may_be_empty, bool pattern = false) {
    out = text(value);
    if (out.empty() ? !may_be_empty : !(pattern ? isNamePattern(out) : isXmlName(out))) {
      fault(value, "'" + out + "' cannot be the name of an element or attribute");
    }
  }
  template <class Enum, std::size_t N>
  void choice(NodeIndex value, Enum& out, const std::array<std::string_view, N>& words) {
    const std::string word = text(value);
    const auto at = std::find(words.begin(), words.end(), word);
    if (at != words.end()) {
      out = static_cast<Enum>(at - words.begin());
      return;
    }
    std::string known;
    for (const std::string_view one : words) known += (known.empty() ? "" : ", ") + std::string(one);
    fault(value, "'" + word + "' is none of " + known);
  }
  template <class Visit>
  void forEachMember(NodeIndex object, Visit visit) {
    if (document_[object].kind != Kind::kObject) return fault(object, "this must be an object");
    for (NodeIndex i = object + 1; i < document_[object].next; i = document_[i].next) visit(document_.name(i), i);
  }

  const Document& document_;
  const std::string& file_;
  XmlLayout layout_;
  std::string faults_;
  const std::vector<std::pair<std::string_view, Read>> members_ = {
      {"description", [](NodeIndex) {}},
      {"confidence", [](NodeIndex) {}},
      {"root", [this](NodeIndex v) { name(v, layout_.root, false); }},
      {"namespace", [this](NodeIndex v) { layout_.name_space = text(v); }},
      {"rootAttributes",
       [this](NodeIndex v) {
         forEachMember(v, [this](std::string_view attribute, NodeIndex value) {
           if (!isXmlName(attribute)) fault(value, "'" + std::string(attribute) + "' cannot be the name of an attribute");
           layout_.root_attributes.emplace_back(attribute, text(value));
         });
       }},
      {"group", [this](NodeIndex v) { name(v, layout_.group, true, true); }},
      {"row", [this](NodeIndex v) { name(v, layout_.row, false, true); }},
      {"fields", [this](NodeIndex v) { choice(v, layout_.fields, std::array<std::string_view, 2>{"elements", "attributes"}); }},
      {"empty", [this](NodeIndex v) { choice(v, layout_.empty, std::array<std::string_view, 3>{"omit", "element", "nil"}); }},
      {"deletedAttribute", [this](NodeIndex v) { name(v, layout_.delete_attribute, true); }},
      {"deletedValue", [this](NodeIndex v) { layout_.delete_value = text(v); }},
      {"manifest", [this](NodeIndex v) { name(v, layout_.manifest, true); }},
      {"illegalCharacters",
       [this](NodeIndex v) { choice(v, layout_.replace_illegal, std::array<std::string_view, 2>{"refuse", "replace"}); }},
      {"order",
       [this](NodeIndex v) {
         if (document_[v].kind != Kind::kArray) return fault(v, "this must be a list of tables");
         for (NodeIndex i = v + 1; i < document_[v].next; i = document_[i].next) layout_.order.push_back(text(i));
       }},
      {"names",
       [this](NodeIndex v) {
         forEachMember(v, [this](std::string_view ours, NodeIndex value) { name(value, layout_.names[std::string(ours)], false); });
       }},
  };
};

}  // namespace

bool isXmlName(std::string_view name) {
  const auto letter = [](unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80; };
  return !name.empty() && letter(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(static_cast<unsigned char>(c)) || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

Result<XmlLayout> parseXmlLayout(std::string_view json, const std::string& name) {
  fhir::JsonReader reader;
  Document document;
  fhir::ReadOptions options;
  options.limits = {.bytes = kLayoutBytes, .depth = 8, .nodes = 1U << 16};
  if (auto read = reader.read(json, document, options); !read) {
    return fail(ErrorCode::kInvalidArgument, name + ":" + std::to_string(read.error().line) + ": " + read.error().text);
  }
  return LayoutReader(document, name).read();
}

Result<XmlLayout> readXmlLayout(const std::filesystem::path& path) {
  TRY_ASSIGN(const std::string json, readFile(path, kLayoutBytes));
  return parseXmlLayout(json, path.string());
}

}  // namespace tributary::deliver
