#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fhir/document.h"
#include "fhir/internal/document_builder.h"
#include "fhir/json_reader.h"

namespace tributary::fhir::internal {

enum class TapeFault : std::uint8_t {
  kNone,
  kSyntax,     // the text is not JSON; where and why is for diagnoseJson to say
  kDuplicate,  // fault_at() is the second member's name
  kDepth,
  kNodes,
  kLocalNames,
};

// The second half of the JSON reader: walks the structural positions of a text (brackets, colons, commas, and
// the first character of each string, number and literal), checks the grammar and writes the tape. No look at
// most bytes of the text: a string ends at the last quote before the next structural position.
class TapeWriter {
 public:
  TapeWriter();

  // `structurals` holds `count` positions, rising, and behind them room for one more, which is overwritten.
  TapeFault write(DocumentBuilder& out, std::uint32_t* structurals, std::size_t count,
                  const ReadLimits& limits);

  std::size_t faultAt() const { return fault_at_; }
  // FHIRPath of the innermost object or array that was open at the fault, and of its member at fault.
  std::string faultPath() const;

 private:
  struct Frame {
    NodeIndex node;
    bool check_at_close;    // too many members to compare each with its siblings
    std::uint64_t seen[2];  // filter over the names so far
  };

  TapeFault walk(const std::uint32_t* s, const std::uint32_t* end);
  bool string(std::uint32_t open, std::uint32_t next, Node& node);
  bool scalar(char first, std::uint32_t begin, std::uint32_t next, Node& node);
  NameId memberName(std::uint32_t begin, std::uint32_t end);
  NameId escapedName(std::string_view raw);
  NameId localName(std::string_view name, bool keeps);
  std::size_t localSlot(std::string_view name) const;
  bool repeatsName(Frame& frame, NameId name);
  bool closesWithRepeat(const Frame& frame);
  std::size_t nameBefore(NodeIndex member) const;
  void findBackslash(std::uint32_t from);

  // Of the text being read.
  DocumentBuilder* out_ = nullptr;
  const char* text_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t next_backslash_ = 0;  // the first one not before the reader, or size_
  Node* nodes_ = nullptr;
  NodeIndex count_ = 0;
  NodeIndex max_nodes_ = 0;
  TapeFault nodes_fault_ = TapeFault::kNone;  // what it means to reach max_nodes_
  std::uint32_t max_depth_ = 0;
  std::uint32_t depth_ = 0;
  std::size_t fault_at_ = 0;
  NameId fault_name_ = kNoName;
  TapeFault fault_ = TapeFault::kNone;

  // Kept between texts.
  std::vector<Frame> frames_;
  std::vector<std::uint32_t> stamps_;  // by name: the last object that had it; allocated when first needed
  std::uint32_t stamp_ = 0;
  std::vector<std::uint16_t> local_slots_;  // open addressing over the document's local names, number + 1
  std::uint64_t seed_;                      // so that a sender cannot choose colliding names
};

}  // namespace tributary::fhir::internal
