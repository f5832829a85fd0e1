#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fhirpath/program.h"
#include "terminology/definitions.h"
#include "views/internal/definition.h"
#include "views/view.h"

namespace tributary::views::internal {

using ProgramPtr = std::shared_ptr<const fhirpath::Program>;

struct PlanColumn {
  static constexpr int kNoPrefix = -1;

  ProgramPtr program;      // the whole expression, from the focus
  int prefix = kNoPrefix;  // the shared part that comes first: index into PlanNode::prefixes
  ProgramPtr rest;         // what follows it, item by item; null: nothing
  bool first = false;      // and of all that only the first
  std::uint32_t slot = 0;  // of the row
  bool collection = false;
  bool joins = false;  // it ends with join(), which gives "" for nothing (the SQL-on-FHIR v2 suite wants it)
  bool row_index = false;  // the expression uses %rowIndex: it has a value even in a row of nulls
};

enum class Iteration : std::uint8_t { kNone, kForEach, kForEachOrNull, kRepeat };

// One select. Children that iterate stand behind those that do not, so that the latter are evaluated once.
struct PlanNode {
  Iteration iteration = Iteration::kNone;
  bool row_index = false;  // the path of the iteration uses %rowIndex
  ProgramPtr for_each;
  std::vector<ProgramPtr> repeat_first;  // from the focus
  std::vector<ProgramPtr> repeat_next;   // from each item found
  std::vector<ProgramPtr> prefixes;
  std::vector<PlanColumn> columns;
  std::vector<PlanNode> children;
  std::vector<PlanNode> unions;
  std::vector<std::uint32_t> slots;           // of the whole subtree
  std::vector<PlanColumn> row_index_columns;  // of the whole subtree
  std::string location;
};

struct Compiled {
  Definition definition;
  std::vector<Column> columns;
  std::vector<std::string> where_texts;
  std::vector<ProgramPtr> where;
  PlanNode root;                                    // its children are the selects
  terminology::TypeId type = terminology::kNoType;  // of the resource; kNoType without definitions
};

// Compiles all expressions. Problems are collected; the result is good only when none of them is an error.
Compiled compilePlan(Definition definition, const CompileOptions& options, Problems& problems);

}  // namespace tributary::views::internal

namespace tributary::views {

struct View::Impl {
  internal::Compiled plan;
  std::vector<Problem> warnings;
};

}  // namespace tributary::views
