#include "fhir/internal/json_tape.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "fhir/internal/json_text.h"
#include "fhir/internal/name_table.h"

namespace tributary::fhir::internal {
namespace {

constexpr std::size_t kMaxLocalNames = kLocalName - 1;
constexpr unsigned kLocalSlotBits = 15;
constexpr std::size_t kLocalSlots = std::size_t{1} << kLocalSlotBits;
constexpr std::size_t kFewLocalNames = 16;
// A member whose name may have been seen is compared with up to this many siblings; past that, all at the
// close.
constexpr int kMaxSiblings = 48;

// Literals as 4-byte words, first character lowest.
constexpr std::uint32_t word(const char (&text)[5]) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(text[i]);
  return value;
}

}  // namespace

TapeWriter::TapeWriter() : seed_(reinterpret_cast<std::uintptr_t>(this) * 0x9E3779B97F4A7C15U | 1) {}

TapeFault TapeWriter::write(DocumentBuilder& out, std::uint32_t* structurals, std::size_t count,
                            const ReadLimits& limits) {
  out_ = &out;
  text_ = out.text().data();
  size_ = static_cast<std::uint32_t>(out.text().size());
  structurals[count] = size_;
  findBackslash(0);
  // Every node but the root is followed by a comma or a closing bracket of its own: nodes <= (structurals +
  // 1) / 2.
  const std::size_t bound = (count + 1) / 2 + 1;
  max_nodes_ = static_cast<NodeIndex>(std::min<std::size_t>(bound, limits.nodes));
  nodes_fault_ = max_nodes_ == limits.nodes ? TapeFault::kNodes : TapeFault::kSyntax;
  out.nodes().reserve(max_nodes_ + std::size_t{1});
  nodes_ = out.nodes().data();
  count_ = 0;
  depth_ = 0;
  max_depth_ = limits.depth;
  if (frames_.size() < max_depth_ + std::size_t{1}) frames_.resize(max_depth_ + std::size_t{1});
  fault_ = TapeFault::kNone;
  fault_name_ = kNoName;
  const TapeFault fault = walk(structurals, structurals + count);
  out.nodes().setSize(fault == TapeFault::kNone ? count_ : 0);
  return fault;
}

void TapeWriter::findBackslash(std::uint32_t from) {
  const void* const found = from < size_ ? std::memchr(text_ + from, '\\', size_ - from) : nullptr;
  next_backslash_ =
      found == nullptr ? size_ : static_cast<std::uint32_t>(static_cast<const char*>(found) - text_);
}

// The last character before `next` that is no white space, as one position behind it.
static inline std::uint32_t endBefore(const char* text, std::uint32_t next) {
  while (isJsonSpace(text[next - 1])) --next;
  return next;
}

TapeFault TapeWriter::walk(const std::uint32_t* s, const std::uint32_t* const end) {
  const char* const text = text_;
  NameId name = kNoName;
  Frame* frame = nullptr;
  std::uint32_t at;
  const auto fault = [&](TapeFault kind, std::size_t where) {
    fault_at_ = where;
    return kind;
  };

value:
  if (s == end) return fault(TapeFault::kSyntax, size_);
  at = *s++;
  if (count_ == max_nodes_) return fault(nodes_fault_, at);
  {
    Node& node = nodes_[count_++];
    node.name = name;
    node.flags = 0;
    switch (text[at]) {
      case '"':
        node.next = count_;
        if (!string(at, *s, node)) return fault(TapeFault::kSyntax, at);
        break;
      case '{':
      case '[': {
        if (depth_ == max_depth_) {
          --count_;
          fault_name_ = name;
          return fault(TapeFault::kDepth, at);
        }
        frame = &frames_[++depth_];
        *frame = {count_ - 1, false, {0, 0}};
        node.offset = at;
        if (text[at] == '{') {
          node.kind = Kind::kObject;
          if (s != end && text[*s] == '}') goto close;
          goto member;
        }
        node.kind = Kind::kArray;
        name = kNoName;
        if (s != end && text[*s] == ']') goto close;
        goto value;
      }
      default:
        node.next = count_;
        if (!scalar(text[at], at, *s, node)) return fault(TapeFault::kSyntax, at);
    }
  }

after_value:
  if (depth_ == 0) return s == end ? TapeFault::kNone : fault(TapeFault::kSyntax, *s);
  if (s == end) return fault(TapeFault::kSyntax, size_);
  if (nodes_[frame->node].kind == Kind::kArray) {
    if (text[*s] == ',') {
      ++s;
      name = kNoName;
      goto value;
    }
    if (text[*s] != ']') return fault(TapeFault::kSyntax, *s);
    goto close;
  }
  if (text[*s] == '}') goto close;
  if (text[*s] != ',') return fault(TapeFault::kSyntax, *s);
  ++s;

member:
  if (end - s < 2 || text[*s] != '"' || text[s[1]] != ':') return fault(TapeFault::kSyntax, *s);
  {
    const std::uint32_t open = *s;
    const std::uint32_t quote = endBefore(text, s[1]) - 1;
    s += 2;
    name = memberName(open + 1, quote);
    if (fault_ != TapeFault::kNone) return fault(fault_, open);
    // Siblings rarely share a bit: names that often stand together have consecutive ids.
    const unsigned bit = static_cast<unsigned>(name ^ (name >> 10));
    const std::uint64_t mask = std::uint64_t{1} << (bit & 63);
    std::uint64_t& seen = frame->seen[(bit >> 6) & 1];
    if ((seen & mask) != 0 && repeatsName(*frame, name)) {
      fault_name_ = name;
      return fault(TapeFault::kDuplicate, open);
    }
    seen |= mask;
    nodes_[frame->node].flags |=
        static_cast<std::uint8_t>(((name & kCompanion) >> 14) | (name == names::kContained) << 2);
  }
  goto value;

close:
  at = *s++;
  {
    Node& node = nodes_[frame->node];
    node.next = count_;
    node.length = at + 1 - node.offset;
    if (frame->check_at_close && closesWithRepeat(*frame)) return TapeFault::kDuplicate;
  }
  frame = &frames_[--depth_];
  goto after_value;
}

inline bool TapeWriter::string(std::uint32_t open, std::uint32_t next, Node& node) {
  const std::uint32_t begin = open + 1;
  const std::uint32_t quote = endBefore(text_, next) - 1;
  node.kind = Kind::kString;
  if (next_backslash_ >= quote) [[likely]] {
    node.offset = begin;
    node.length = quote - begin;
    return true;
  }
  Buffer<char>& arena = out_->arena();
  const std::string_view raw(text_ + begin, quote - begin);
  arena.reserveMore(raw.size() + sizeof begin + 16);
  std::memcpy(arena.data() + arena.size(), &begin, sizeof begin);
  const std::size_t offset = arena.size() + sizeof begin;
  const std::size_t length = unescapeJson(raw, arena.data() + offset);
  if (length == kBadEscape) return false;
  arena.setSize(offset + length);
  node.offset = static_cast<std::uint32_t>(offset);
  node.length = static_cast<std::uint32_t>(length);
  node.flags = kEscaped;
  findBackslash(quote);
  return true;
}

bool TapeWriter::scalar(char first, std::uint32_t begin, std::uint32_t next, Node& node) {
  const std::uint32_t length = endBefore(text_, next) - begin;
  node.offset = begin;
  node.length = length;
  if (first == '-' || (first >= '0' && first <= '9')) {
    node.kind = Kind::kNumber;
    return isJsonNumber({text_ + begin, length});
  }
  if (length != 4 && length != 5) return false;
  std::uint32_t head;
  std::memcpy(&head, text_ + begin, 4);
  if (length == 4 && head == word("true")) {
    node.kind = Kind::kTrue;
  } else if (length == 4 && head == word("null")) {
    node.kind = Kind::kNull;
  } else if (length == 5 && head == word("fals") && text_[begin + 4] == 'e') {
    node.kind = Kind::kFalse;
  } else {
    return false;
  }
  return true;
}

inline NameId TapeWriter::memberName(std::uint32_t begin, std::uint32_t end) {
  if (next_backslash_ < end) [[unlikely]] {
    const NameId name = escapedName({text_ + begin, end - begin});
    findBackslash(end);
    return name;
  }
  NameId companion = 0;
  if (text_[begin] == '_' && end - begin > 1) {
    companion = kCompanion;
    ++begin;
  }
  const std::size_t length = end - begin;
  const std::string_view name(text_ + begin, length);
  NameId id;
  if (begin + 16 <= size_ && length <= kMaxNameLength) [[likely]] {
    id = findNameReadable16(name.data(), length);
  } else {
    id = findName(name);
  }
  if (id == kNoName) id = localName(name, true);
  return static_cast<NameId>(id | companion);
}

NameId TapeWriter::escapedName(std::string_view raw) {
  Buffer<char> buffer;
  buffer.reserve(raw.size() + 16);
  const std::size_t length = unescapeJson(raw, buffer.data());
  if (length == kBadEscape) {
    fault_ = TapeFault::kSyntax;
    return kNoName;
  }
  std::string_view name(buffer.data(), length);
  NameId companion = 0;
  if (name.size() > 1 && name.front() == '_') {
    companion = kCompanion;
    name.remove_prefix(1);
  }
  NameId id = findName(name);
  if (id == kNoName) id = localName(name, false);
  return static_cast<NameId>(id | companion);
}

// The free slot for `name`, or the one that holds it.
std::size_t TapeWriter::localSlot(std::string_view name) const {
  std::size_t slot = static_cast<std::size_t>((fastHash(name) * seed_) >> (64 - kLocalSlotBits));
  while (local_slots_[slot] != 0 && out_->localName(local_slots_[slot] - std::size_t{1}) != name) {
    slot = (slot + 1) % kLocalSlots;
  }
  return slot;
}

// `keeps`: the bytes of `name` live as long as the document. The first few names are found one by one; the
// table is filled only for a document with more.
NameId TapeWriter::localName(std::string_view name, bool keeps) {
  const std::size_t known = out_->localNameCount();
  std::size_t slot = 0;
  if (known < kFewLocalNames) {
    for (std::size_t i = 0; i < known; ++i) {
      if (out_->localName(i) == name) return static_cast<NameId>(kLocalName | i);
    }
  } else {
    if (known == kFewLocalNames) {
      local_slots_.assign(kLocalSlots, 0);
      for (std::size_t i = 0; i < known; ++i)
        local_slots_[localSlot(out_->localName(i))] = static_cast<std::uint16_t>(i + 1);
    }
    slot = localSlot(name);
    if (local_slots_[slot] != 0) return static_cast<NameId>(kLocalName | (local_slots_[slot] - 1U));
    if (known == kMaxLocalNames) {
      fault_ = TapeFault::kLocalNames;
      return kNoName;
    }
    local_slots_[slot] = static_cast<std::uint16_t>(known + 1);
  }
  if (keeps) {
    out_->addName(name);
  } else {
    out_->addNameCopy(name);
  }
  return static_cast<NameId>(kLocalName | known);
}

bool TapeWriter::repeatsName(Frame& frame, NameId name) {
  if (frame.check_at_close) return false;
  int siblings = 0;
  for (NodeIndex i = frame.node + 1; i < count_; i = nodes_[i].next) {
    if (nodes_[i].name == name) return true;
    if (++siblings == kMaxSiblings) {
      frame.check_at_close = true;
      return false;
    }
  }
  return false;
}

bool TapeWriter::closesWithRepeat(const Frame& frame) {
  if (stamps_.empty()) stamps_.assign(std::size_t{1} << 16, 0);
  if (++stamp_ == 0) {
    std::fill(stamps_.begin(), stamps_.end(), 0U);
    stamp_ = 1;
  }
  for (NodeIndex i = frame.node + 1; i < count_; i = nodes_[i].next) {
    std::uint32_t& last = stamps_[nodes_[i].name];
    if (last == stamp_) {
      fault_name_ = nodes_[i].name;
      fault_at_ = nameBefore(i);
      return true;
    }
    last = stamp_;
  }
  return false;
}

// Where the name of a member begins in the text (its opening quote), found backwards from its value.
std::size_t TapeWriter::nameBefore(NodeIndex member) const {
  const Node& node = nodes_[member];
  std::uint32_t at = node.offset;
  if ((node.flags & kEscaped) != 0)
    std::memcpy(&at, out_->arena().data() + node.offset - sizeof at, sizeof at);
  if (node.kind == Kind::kString) --at;
  at = endBefore(text_, at) - 1;  // the colon
  at = endBefore(text_, at) - 1;  // the closing quote
  const std::size_t id = node.name & ~kCompanion;
  const std::size_t length = (id & kLocalName) != 0 ? out_->localName(id & ~std::size_t{kLocalName}).size()
                                                    : nameText(static_cast<NameId>(id)).size();
  const std::size_t whole = length + ((node.name & kCompanion) != 0 ? 2 : 1);
  return at >= whole && text_[at - whole] == '"' ? at - whole
                                                 : at;  // written with escapes: its closing quote
}

std::string TapeWriter::faultPath() const {
  std::string path;
  const auto append = [&](NameId name) {
    const auto id = static_cast<NameId>(name & ~kCompanion);
    // Names from outside FHIR may be anything; they are not repeated in messages.
    if (!path.empty()) path += '.';
    path += (id & kLocalName) != 0 ? std::string_view("(unknown)") : nameText(id);
  };
  constexpr std::uint32_t kMaxShown = 24;
  for (std::uint32_t depth = 1; depth <= std::min(depth_, kMaxShown); ++depth) {
    const NodeIndex container = frames_[depth].node;
    if (nodes_[container].name != kNoName) {
      append(nodes_[container].name);
    } else if (depth > 1) {
      NodeIndex item = 0;
      const NodeIndex array = frames_[depth - 1].node;
      for (NodeIndex i = array + 1; i < container; i = nodes_[i].next) ++item;
      path += '[' + std::to_string(item) + ']';
    } else {
      // The root goes by its type when that stood first, as it mostly does.
      for (NodeIndex i = container + 1; i < count_ && i < container + 2; ++i) {
        if (nodes_[i].name == names::kResourceType && nodes_[i].kind == Kind::kString &&
            nodes_[i].flags == 0 && nodes_[i].length < 64) {
          path.append(text_ + nodes_[i].offset, nodes_[i].length);
        }
      }
    }
  }
  if (depth_ > kMaxShown) {
    path += "...";
  } else if (fault_name_ != kNoName) {
    append(fault_name_);
  }
  return path;
}

}  // namespace tributary::fhir::internal
