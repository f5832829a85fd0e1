#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fhirpath/diagnostic.h"
#include "fhirpath/value.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace tributary::fhirpath {

// A variable the expression may use as %name, given at evaluation (Bindings).
struct VariableDeclaration {
  std::string name;
  std::string type;  // "Patient", "System.Integer"; empty: not known
  bool many = false;
};

// A variable with a fixed value, folded into the Program: a FHIR primitive type name (or "Quantity" with a
// FHIRPath quantity literal) and its text, such as {"use", "code", "official"}. Behaves as a literal of the
// System type.
struct Constant {
  std::string name;
  std::string type;
  std::string text;
};

struct CompileOptions {
  // Must outlive the Program. Without definitions nothing is typed: names are JSON member names.
  const terminology::Definitions* definitions = nullptr;
  // Type of the focus: "Patient", "Patient.contact", "HumanName", "Quantity"; empty: told at evaluation.
  std::string context_type;
  std::string resource_type;  // of %resource; empty: the context type when that is a resource, else unknown
  // Strict: unknown elements, types and variables, and order-dependent functions on unordered collections are
  // errors of the semantic phase. Otherwise unknown elements are just empty.
  bool strict = false;
  bool optimise = true;             // false: plain tree walk, for comparison
  bool national_functions = false;  // translate('map'[, …]) and other functions beyond the standard
  std::vector<VariableDeclaration> variables;
  std::vector<Constant> constants;
  std::string source_name;            // for messages: file name, or "view.json: select[0].column[2].path"
  std::size_t max_length = 1U << 20;  // bytes of the expression
  std::uint32_t max_depth = 256;      // nesting of the expression
  std::size_t max_regex_memory = 1U << 20;  // bytes of a compiled regular expression
};

// What is known about an expression's result before it runs.
struct StaticType {
  std::vector<terminology::TypeId> types;  // FHIR or System types it may have; empty: not known
  bool many = true;                        // may hold more than one item
  bool never = false;                      // always empty
};

// A name in an expression, and where it first stands.
struct Mention {
  std::string name;                    // of a function, or of a variable without %
  std::size_t offset = 0, length = 0;  // in Program::source()
};

// A compiled expression: immutable, shared by all threads.
class Program {
 public:
  struct Impl;
  explicit Program(std::unique_ptr<const Impl> impl);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string_view source() const;
  const StaticType& resultType() const;
  // Names (without %) that must be bound at evaluation.
  std::span<const std::string> variables() const;
  // What the expression calls and which %names it uses (also constants and those built in), each once. As
  // parsed: no way of spelling hides one, and a text that looks like one is none.
  std::span<const Mention> functionsCalled() const;
  std::span<const Mention> variablesUsed() const;
  // Each use of a %name that nobody defines; also a warning, or an error when strict.
  std::span<const Mention> variablesUnknown() const;
  // Type names that the definitions do not have; empty without definitions.
  std::span<const Mention> typesUnknown() const;
  // The function that the expression, a path, ends with; else empty.
  std::string_view lastFunction() const;
  // A diagnostic of that place, without words yet.
  Diagnostic diagnosticAt(const Mention& mention) const;
  // Warnings of the checker, such as an element that does not exist when not strict.
  std::span<const Diagnostic> warnings() const;
  // How it will run, for people: "path birthDate", "walk: …".
  std::string describe() const;

  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<const Impl> impl_;
};

// Syntax and semantic errors come from here; execution errors from the Evaluator.
std::expected<std::shared_ptr<const Program>, Diagnostic> compile(std::string_view expression,
                                                                  const CompileOptions& options);

// What can be called, such as "where(criteria)", by name; for help and completion. `national`: also what
// CompileOptions::national_functions switches on.
std::vector<std::string_view> functionSignatures(bool national);

}  // namespace tributary::fhirpath
