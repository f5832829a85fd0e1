#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fhir/internal/buffer.h"
#include "fhir/names.h"

namespace tributary::fhir {

enum class Kind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

// One JSON value on the tape. Nodes stand in document order, depth first: the first child of a container is
// the node behind it, and `next` skips a whole subtree.
struct Node {
  std::uint32_t next = 0;    // index of the node behind this subtree
  std::uint32_t offset = 0;  // where the content starts: in the text, or (kEscaped) in the arena
  std::uint32_t length = 0;  // bytes of content. Strings: without quotes. Containers: with both brackets
  NameId name = kNoName;
  Kind kind = Kind::kNull;
  std::uint8_t flags = 0;
};
static_assert(sizeof(Node) == 16);

inline constexpr std::uint8_t kEscaped = 1;        // string with escapes: unescaped text in the arena
inline constexpr std::uint8_t kHasCompanions = 2;  // object with at least one "_name" member
inline constexpr std::uint8_t kHasContained = 4;   // object with a "contained" member

using NodeIndex = std::uint32_t;
inline constexpr NodeIndex kNoNode = ~NodeIndex{0};

struct Position {
  std::uint64_t offset = 0;  // in the source (file or body), in bytes
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, in bytes
};

// One parsed resource: an immutable tape over its source text. Filled by a reader; a Document can be filled
// again and keeps its memory, so a loop over NDJSON allocates nothing once warm. Reading is thread-safe,
// filling is not.
class Document {
 public:
  Document() = default;
  Document(Document&&) = default;
  Document& operator=(Document&&) = default;

  bool empty() const { return nodes_.empty(); }
  std::span<const Node> nodes() const { return {nodes_.data(), nodes_.size()}; }
  const Node& operator[](NodeIndex i) const { return nodes_[i]; }
  const Node* data() const { return nodes_.data(); }
  NodeIndex root() const { return 0; }

  // The source text that the tape points into. For XML it is the XML.
  std::string_view text() const { return text_; }

  // Content of a scalar: unescaped string, the original characters of a number, "true", "false" or "null".
  std::string_view scalar(NodeIndex i) const {
    const Node& node = nodes_[i];
    return (node.flags & kEscaped) != 0 ? std::string_view(arena_.data() + node.offset, node.length)
                                        : std::string_view(text_.data() + node.offset, node.length);
  }

  // The first member called `name`, or kNoNode. `object` must be an object.
  NodeIndex member(NodeIndex object, NameId name) const {
    if (object == 0 && root_.count != 0) return root_.find(name);
    const Node* const nodes = nodes_.data();
    const NodeIndex end = nodes[object].next;
    for (NodeIndex i = object + 1; i < end; i = nodes[i].next) {
      if (nodes[i].name == name) return i;
    }
    return kNoNode;
  }
  NodeIndex member(NodeIndex object, std::string_view name) const;

  // The name of a member as written, without the companion's underscore; empty for the root and array items.
  std::string_view name(NodeIndex i) const;

  // Of the root: "Patient" and so on; empty when there is none.
  std::string_view resourceType() const;
  // The same, in the Document itself: good until it is moved or filled again, and no look at the text.
  std::string_view rootType() const { return {root_.type.data(), root_.type_length}; }

  // Byte offset of a node's content in the source, for lineage and messages (base offset of the Document
  // added).
  std::uint64_t sourceOffset(NodeIndex i) const;
  // Line and column are counted from the text on each call; meant for messages.
  Position position(NodeIndex i) const;

  // The text of an object or array exactly as it stood in the source, brackets included: what is journalled
  // of one entry of a Bundle. JSON only: of a document read from XML it is empty.
  std::string_view raw(NodeIndex container) const;

  // Bytes held (tape, arena and owned text).
  std::size_t memory() const;

  // Empties the document and gives its memory back; filling it again without this keeps it.
  void release();

 private:
  friend class DocumentBuilder;  // what the readers fill a Document through

  // The members of the root side by side: most paths begin there, and following `next` from one to the next
  // touches a cache line each. Not used (count 0) for a root with more members than fit.
  struct RootIndex {
    static constexpr std::size_t kMost = 24;
    // What every evaluation reads stands first, with the tape's address before it in one cache line.
    std::uint8_t count = 0;
    std::uint8_t type_length = 0;
    std::array<char, 38> type{};
    std::array<NameId, kMost> names{};
    std::array<NodeIndex, kMost> nodes{};

    NodeIndex find(NameId name) const {
#ifdef __SSE2__
      const __m128i wanted = _mm_set1_epi16(static_cast<std::int16_t>(name));
      for (std::size_t i = 0; i < kMost; i += 8) {
        const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(names.data() + i));
        const int equal = _mm_movemask_epi8(_mm_cmpeq_epi16(some, wanted));
        if (equal == 0) continue;
        const std::size_t at = i + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(equal))) / 2;
        return at < count ? nodes[at] : kNoNode;
      }
#else
      for (std::size_t i = 0; i < count; ++i) {
        if (names[i] == name) return nodes[i];
      }
#endif
      return kNoNode;
    }
  };

  void indexRoot();

  internal::Buffer<Node> nodes_;
  RootIndex root_;
  internal::Buffer<char> arena_;  // unescaped strings; before each, 4 bytes with its offset in the text
  std::string_view text_;         // borrowed from the caller, or into owned_
  std::unique_ptr<std::string> owned_;
  std::vector<std::string_view> local_names_;  // point into text_ or arena_names_
  std::vector<std::unique_ptr<std::string>> arena_names_;
  std::uint64_t base_offset_ = 0;  // of text_ in its file
  std::uint32_t base_line_ = 1;    // line of text_'s first byte in its file
  bool xml_ = false;
};

}  // namespace tributary::fhir
