#include "fhir/json_writer.h"

#include <emmintrin.h>

#include <bit>
#include <cstddef>
#include <string_view>
#include <vector>

namespace tributary::fhir {
namespace {

// How many bytes at the beginning of `text` need no escape in a JSON string.
std::size_t plainPrefix(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  for (; end - p >= 16; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const auto mask =
        static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash))));
    if (mask != 0)
      return static_cast<std::size_t>(p - text.data()) + static_cast<std::size_t>(std::countr_zero(mask));
  }
  while (p != end && static_cast<unsigned char>(*p) >= 0x20 && *p != '"' && *p != '\\') ++p;
  return static_cast<std::size_t>(p - text.data());
}

void writeEscape(char c, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '\\';
  switch (c) {
    case '"':
    case '\\':
      out += c;
      break;
    case '\n':
      out += 'n';
      break;
    case '\r':
      out += 'r';
      break;
    case '\t':
      out += 't';
      break;
    case '\b':
      out += 'b';
      break;
    case '\f':
      out += 'f';
      break;
    default:
      out += "u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
  }
}

// A depth-first walk along the tape: no recursion, so a deep document cannot exhaust the stack.
class Writer {
 public:
  Writer(const Document& document, std::string& out, unsigned indent)
      : document_(document), out_(out), indent_(indent) {}

  void write(NodeIndex root) {
    const NodeIndex end = document_[root].next;
    for (NodeIndex i = root; i < end; ++i) {
      while (!open_.empty() && document_[open_.back()].next == i) close();
      if (i != root) begin(i);
      value(i);
    }
    while (!open_.empty()) close();
  }

 private:
  void begin(NodeIndex i) {
    if (i != open_.back() + 1) out_ += ',';
    newLine();
    if (document_[open_.back()].kind != Kind::kObject) return;
    if ((document_[i].name & kLocalName) != 0) {
      localName(i);
    } else {
      out_ += (document_[i].name & kCompanion) != 0 ? "\"_" : "\"";
      out_ += document_.name(i);
      out_ += '"';
    }
    out_ += indent_ == 0 ? ":" : ": ";
  }
  void localName(NodeIndex i) {
    std::string name((document_[i].name & kCompanion) != 0 ? "_" : "");
    name += document_.name(i);
    writeJsonString(name, out_);
  }
  void value(NodeIndex i) {
    const Node& node = document_[i];
    if (node.kind >= Kind::kArray) {
      out_ += node.kind == Kind::kObject ? '{' : '[';
      open_.push_back(i);
    } else if (node.kind == Kind::kString) {
      writeJsonString(document_.scalar(i), out_);
    } else {
      out_ += document_.scalar(i);
    }
  }
  void close() {
    const Node& node = document_[open_.back()];
    const bool empty = node.next == open_.back() + 1;
    open_.pop_back();
    if (!empty) newLine();
    out_ += node.kind == Kind::kObject ? '}' : ']';
  }
  void newLine() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(open_.size() * indent_, ' ');
  }

  const Document& document_;
  std::string& out_;
  unsigned indent_;
  std::vector<NodeIndex> open_;
};

}  // namespace

void writeJsonString(std::string_view text, std::string& out) {
  out += '"';
  while (true) {
    const std::size_t plain = plainPrefix(text);
    out.append(text.data(), plain);
    if (plain == text.size()) break;
    writeEscape(text[plain], out);
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

void writeJson(const Document& document, NodeIndex node, std::string& out, unsigned indent) {
  if (document.empty()) return;
  Writer(document, out, indent).write(node);
}

std::string toJson(const Document& document, NodeIndex node, unsigned indent) {
  std::string out;
  writeJson(document, node, out, indent);
  return out;
}

}  // namespace tributary::fhir
