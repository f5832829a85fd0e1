#include "fhir/xml_reader.h"

#include <expat.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "fhir/internal/xml_tree.h"

namespace tributary::fhir {
namespace {

using internal::XmlElement;
using internal::XmlValue;
using Form = ElementShape::Form;

constexpr std::string_view kFhirNamespace = "http://hl7.org/fhir";
constexpr std::string_view kXhtmlNamespace = "http://www.w3.org/1999/xhtml";
constexpr XML_Char kSeparator = '\n';
constexpr std::uint32_t kMostDepth = 1000;  // the emitter recurses
constexpr char kFixSender[] = "Correct the system that wrote this text, then send it again.";

bool isXmlSpace(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

// Turns expat's events into the tree of elements. One for each document.
struct XmlReader::Impl {
  explicit Impl(const ElementShapes& known) : shapes(known) {}

  const ElementShapes& shapes;
  std::vector<XmlElement> elements;
  std::vector<std::uint32_t> open;
  std::unordered_map<std::string_view, NameId> local_names;

  XML_Parser parser = nullptr;
  DocumentBuilder* out = nullptr;
  internal::TextOrigin origin;
  std::string_view text;
  std::uint32_t shift = 0;  // bytes before what expat sees (a byte order mark)
  std::uint32_t max_depth = 0;
  std::uint32_t max_elements = 0;
  std::uint32_t xhtml_depth = 0;
  bool failed = false;
  Issue issue;

  std::uint32_t here() const { return static_cast<std::uint32_t>(XML_GetCurrentByteIndex(parser)) + shift; }

  void refuse(std::size_t at, const char* rule, std::string message, const char* remedy) {
    if (failed) return;
    failed = true;
    issue = internal::issueAt(text, at, origin, rule, std::move(message), remedy);
    XML_StopParser(parser, XML_FALSE);
  }

  NameId intern(std::string_view name, std::size_t at) {
    NameId id = findName(name);
    if (id != kNoName) return id;
    const auto [entry, fresh] = local_names.try_emplace(name, kNoName);
    if (!fresh) return entry->second;
    if (out->localNameCount() + 1 >= kLocalName) {
      refuse(at, "xml-size", "The document has too many element names that FHIR does not know.", kFixSender);
      return kNoName;
    }
    id = static_cast<NameId>(kLocalName | out->localNameCount());
    out->addName(name);
    entry->second = id;
    return id;
  }

  void start(std::string_view qualified, const XML_Char** attributes);
  void end();
  void characters(std::string_view characters);
  void readAttributes(XmlElement& element, std::string_view tag, const XML_Char** attributes);
  XmlValue place(std::string_view raw, std::string_view name, const XML_Char** attributes);
  bool shapeOf(XmlElement& element, std::string_view space, std::string_view local);
  bool resourceShape(XmlElement& element, std::string_view local);
  void parse();
};

// An attribute's value where it stands; when expat changed it (references, white space), a copy in the arena.
XmlValue XmlReader::Impl::place(std::string_view raw, std::string_view name, const XML_Char** attributes) {
  XmlValue value;
  value.offset = static_cast<std::uint32_t>(raw.data() - text.data());
  value.length = static_cast<std::uint32_t>(raw.size());
  value.place = XmlValue::Place::kText;
  if (raw.find_first_of("&\t\n\r") == std::string_view::npos) return value;
  for (; *attributes != nullptr; attributes += 2) {
    if (name != attributes[0]) continue;
    const std::string_view changed = attributes[1];
    internal::Buffer<char>& arena = out->arena();
    arena.reserveMore(changed.size() + sizeof value.offset);
    std::memcpy(arena.data() + arena.size(), &value.offset, sizeof value.offset);
    value.offset = static_cast<std::uint32_t>(arena.size() + sizeof value.offset);
    value.length = static_cast<std::uint32_t>(changed.size());
    value.place = XmlValue::Place::kArena;
    std::memcpy(arena.data() + value.offset, changed.data(), changed.size());
    arena.setSize(value.offset + changed.size());
    break;
  }
  return value;
}

// `tag` is a start tag that expat has found well-formed, so the scan can be plain.
void XmlReader::Impl::readAttributes(XmlElement& element, std::string_view tag, const XML_Char** attributes) {
  std::size_t at = 1;
  while (at < tag.size() && !isXmlSpace(tag[at]) && tag[at] != '>' && tag[at] != '/') ++at;
  while (true) {
    while (at < tag.size() && isXmlSpace(tag[at])) ++at;
    const std::size_t begin = at;
    while (at < tag.size() && !isXmlSpace(tag[at]) && tag[at] != '=' && tag[at] != '>' && tag[at] != '/')
      ++at;
    const std::string_view name = tag.substr(begin, at - begin);
    const std::size_t quote = tag.find_first_of("\"'", at);
    if (name.empty() || quote == std::string_view::npos) return;
    const std::size_t close = tag.find(tag[quote], quote + 1);
    if (close == std::string_view::npos) return;
    const std::string_view raw = tag.substr(quote + 1, close - quote - 1);
    at = close + 1;
    if (name == "xmlns" || name.find(':') != std::string_view::npos) continue;
    XmlValue* const target = element.is_resource ? nullptr
                             : name == "value"   ? &element.value
                             : name == "id"      ? &element.id
                             : name == "url"     ? &element.url
                                                 : nullptr;
    if (target == nullptr) {
      refuse(element.begin + begin, "xml-attribute", "FHIR has no such attribute here.",
             "FHIR R4 2.6.1 knows the attributes value, id and, of an extension, url.");
      return;
    }
    *target = place(raw, name, attributes);
  }
}

bool XmlReader::Impl::resourceShape(XmlElement& element, std::string_view local) {
  element.is_resource = true;
  element.shape = {Form::kComplex, false, shapes.resource(local)};
  element.type_length = static_cast<std::uint32_t>(local.size());
  if (element.shape.type != kNoShape) return true;
  refuse(element.begin, "xml-resource", "This element is not a resource of FHIR R4.",
         "Check the name of the element and the FHIR version that was sent.");
  return false;
}

bool XmlReader::Impl::shapeOf(XmlElement& element, std::string_view space, std::string_view local) {
  const bool xhtml = space == kXhtmlNamespace && !open.empty();
  if (!xhtml && space != kFhirNamespace) {
    refuse(element.begin, "xml-namespace", "This element is not in the namespace of FHIR.",
           "Declare xmlns=\"http://hl7.org/fhir\" on the root, and the XHTML namespace on div.");
    return false;
  }
  if (open.empty()) return resourceShape(element, local);
  XmlElement& parent = elements[open.back()];
  if (parent.shape.form == Form::kUnknown && parent.first_child == 0 && !local.empty() &&
      local.front() >= 'A' && local.front() <= 'Z' && shapes.resource(local) != kNoShape) {
    parent.shape.form = Form::kResource;
  }
  if (parent.shape.form == Form::kResource) {
    if (parent.first_child != 0) {
      refuse(element.begin, "xml-resource", "There is more than one resource where one belongs.",
             "Repeat the element around the resource instead.");
      return false;
    }
    return resourceShape(element, local);
  }
  if (parent.shape.type != kNoShape) element.shape = shapes.element(parent.shape.type, local);
  if (element.shape.form == Form::kUnknown && (local == "extension" || local == "modifierExtension")) {
    element.shape = {Form::kComplex, true, kNoShape};
  }
  const bool div =
      element.shape.form == Form::kXhtml || (element.shape.form == Form::kUnknown && local == "div");
  if (xhtml != (xhtml && div) || (element.shape.form == Form::kXhtml && !xhtml)) {
    refuse(element.begin, "xml-namespace", "XHTML belongs into div, and div into the namespace of XHTML.",
           "Write <div xmlns=\"http://www.w3.org/1999/xhtml\">.");
    return false;
  }
  if (xhtml) element.shape.form = Form::kXhtml;
  return true;
}

void XmlReader::Impl::start(std::string_view qualified, const XML_Char** attributes) {
  if (failed) return;
  const std::uint32_t begin = here();
  if (open.size() + xhtml_depth >= max_depth) {
    refuse(begin, "xml-depth", "Elements are nested deeper than " + std::to_string(max_depth) + " levels.",
           "No FHIR resource needs this: correct the system that wrote it.");
    return;
  }
  if (xhtml_depth > 0) {
    ++xhtml_depth;
    return;
  }
  if (elements.size() >= max_elements) {
    refuse(begin, "xml-size", "The document has more than " + std::to_string(max_elements) + " elements.",
           "Send it as several smaller resources or Bundles.");
    return;
  }
  const std::size_t separator = qualified.rfind(kSeparator);
  const std::string_view space = separator == std::string_view::npos ? "" : qualified.substr(0, separator);
  const std::string_view tag = text.substr(begin, static_cast<std::size_t>(XML_GetCurrentByteCount(parser)));
  const std::size_t local_length =
      separator == std::string_view::npos ? qualified.size() : qualified.size() - separator - 1;
  // The tag's name as written may carry a prefix.
  std::size_t name_end = 1;
  while (name_end < tag.size() && !isXmlSpace(tag[name_end]) && tag[name_end] != '>' &&
         tag[name_end] != '/') {
    ++name_end;
  }
  XmlElement element;
  element.begin = begin;
  element.name_begin = begin + static_cast<std::uint32_t>(name_end - local_length);
  const std::string_view local = text.substr(element.name_begin, local_length);
  if (!shapeOf(element, space, local)) return;
  element.name = intern(local, begin);
  if (element.shape.form == Form::kXhtml) {
    xhtml_depth = 1;
  } else {
    readAttributes(element, tag, attributes);
  }
  const auto index = static_cast<std::uint32_t>(elements.size());
  if (!open.empty()) {
    XmlElement& parent = elements[open.back()];
    (parent.first_child == 0 ? parent.first_child : elements[parent.last_child].next_sibling) = index;
    parent.last_child = index;
  }
  elements.push_back(element);
  open.push_back(index);
}

void XmlReader::Impl::end() {
  if (failed || (xhtml_depth > 0 && --xhtml_depth > 0)) return;
  elements[open.back()].end = here() + static_cast<std::uint32_t>(XML_GetCurrentByteCount(parser));
  open.pop_back();
}

void XmlReader::Impl::characters(std::string_view characters) {
  if (failed || xhtml_depth > 0 || std::all_of(characters.begin(), characters.end(), isXmlSpace)) return;
  refuse(here(), "xml-text", "There is text between the elements.",
         "FHIR has values in value attributes; text stands only in the XHTML of div.");
}

void XmlReader::Impl::parse() {
  XML_SetUserData(parser, this);
  XML_SetElementHandler(
      parser,
      [](void* self, const XML_Char* name, const XML_Char** attributes) {
        static_cast<Impl*>(self)->start(name, attributes);
      },
      [](void* self, const XML_Char*) { static_cast<Impl*>(self)->end(); });
  XML_SetCharacterDataHandler(parser, [](void* self, const XML_Char* data, int length) {
    static_cast<Impl*>(self)->characters({data, static_cast<std::size_t>(length)});
  });
  XML_SetStartDoctypeDeclHandler(parser, [](void* data, const XML_Char*, const XML_Char*, const XML_Char*,
                                            int) {
    auto* const self = static_cast<Impl*>(data);
    self->refuse(self->here(), "xml-doctype", "The text has a document type declaration.",
                 "FHIR has none (R4 2.6.1): leave it out, and write characters as they are or as &#number;.");
  });
  XML_SetXmlDeclHandler(parser, [](void* data, const XML_Char*, const XML_Char* encoding, int) {
    auto* const self = static_cast<Impl*>(data);
    if (encoding == nullptr) return;
    std::string name(encoding);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
    if (name == "utf-8" || name == "utf8" || name == "us-ascii") return;
    self->refuse(self->here(), "xml-encoding", "The text says that it is not written in UTF-8.",
                 "Write the text as UTF-8 (FHIR R4 2.6.1).");
  });
  const std::string_view seen = text.substr(shift);
  const XML_Status status = XML_Parse(parser, seen.data(), static_cast<int>(seen.size()), XML_TRUE);
  if (status == XML_STATUS_OK || failed) return;
  const XML_Error code = XML_GetErrorCode(parser);
  const bool encoding = code == XML_ERROR_INVALID_TOKEN && here() < text.size() &&
                        (static_cast<unsigned char>(text[here()]) & 0x80) != 0;
  refuse(std::min<std::size_t>(here(), text.size()), encoding ? "xml-encoding" : "xml-syntax",
         encoding ? "The text is not valid UTF-8 here."
                  : std::string("The text is not well-formed XML: ") + XML_ErrorString(code) + ".",
         encoding ? "Write the text as UTF-8 and send it again." : kFixSender);
}

XmlReader::XmlReader(const ElementShapes& shapes) : impl_(std::make_unique<Impl>(shapes)) {}
XmlReader::~XmlReader() = default;
XmlReader::XmlReader(XmlReader&&) noexcept = default;
XmlReader& XmlReader::operator=(XmlReader&&) noexcept = default;

std::expected<void, Issue> XmlReader::read(std::string_view xml, Document& out, const ReadOptions& options) {
  Impl& impl = *impl_;
  DocumentBuilder builder(out);
  impl.origin = {options.base_offset, options.base_line};
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // expat counts in int
  if (xml.size() > std::min(options.limits.bytes, kMostBytes)) {
    builder.clear();
    return std::unexpected(
        internal::issueAt({}, 0, impl.origin, "xml-size",
                          "The document has " + std::to_string(xml.size()) + " bytes; at most " +
                              std::to_string(options.limits.bytes) + " are accepted.",
                          "Send it as several smaller resources or Bundles, or raise the limit."));
  }
  builder.begin(xml, options.own_text, options.base_offset, options.base_line, true);
  impl.out = &builder;
  impl.text = builder.text();
  impl.shift = impl.text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  impl.max_depth = std::min(options.limits.depth, kMostDepth);
  impl.max_elements = options.limits.nodes;
  impl.elements.clear();
  impl.open.clear();
  impl.local_names.clear();
  impl.xhtml_depth = 0;
  impl.failed = false;
  // The encoding is given, so nothing in the text can choose another one. No external entity handler: none is
  // read.
  impl.parser = XML_ParserCreateNS("UTF-8", kSeparator);
  if (impl.parser == nullptr) throw std::bad_alloc();
  impl.parse();
  XML_ParserFree(std::exchange(impl.parser, nullptr));
  if (!impl.failed) {
    const auto emitted =
        internal::XmlEmitter(impl.elements, builder, options.limits.nodes, impl.origin).emit();
    if (emitted) {
      builder.finish();
      return {};
    }
    impl.issue = emitted.error();
  }
  builder.clear();
  return std::unexpected(std::move(impl.issue));
}

}  // namespace tributary::fhir
