#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/limit_options.h"
#include "fhirpath/evaluator.h"
#include "fhirpath/program.h"
#include "terminology/definitions.h"
#include "terminology/terminology.h"

namespace tributary::cli {

struct FhirpathOptions {
  std::string expression;
  std::vector<std::string> files, terminology;
  std::string type;  // of the focus; empty: that of each resource
  bool trace = false, strict = false, national = false;
  bool types = false;   // print each value's type before it
  bool source = false;  // print file, line and id of the resource before each value
  LimitOptions limits;
};

// Compiles and evaluates expressions for the command and for the prompt, and prints what comes out.
class FhirpathSession {
 public:
  FhirpathSession(FhirpathOptions options, std::shared_ptr<const terminology::Definitions> definitions,
                  std::shared_ptr<const terminology::Terminology> terminology);
  ~FhirpathSession();
  FhirpathSession(const FhirpathSession&) = delete;
  FhirpathSession& operator=(const FhirpathSession&) = delete;

  FhirpathOptions& options() { return options_; }
  const terminology::Definitions& definitions() const { return *definitions_; }
  fhirpath::Evaluator& evaluator() { return evaluator_; }

  // Called before anything is printed, with true for stdout.
  void setBeforeText(std::function<void(bool to_stdout)> call) { before_text_ = std::move(call); }

  // nullptr after the diagnostic has been printed. Kept for each expression and type; warnings are printed
  // once.
  const fhirpath::Program* compile(const std::string& expression, std::string_view type);
  // Prints the result on stdout; false after an error has been printed, unless it is not to be told. `where`
  // is printed before an error.
  bool evaluate(const fhirpath::Program& program, const fhirpath::Value& focus, std::string_view where,
                std::string_view prefix, bool tell = true);

 private:
  class Tracer;
  void print(const std::string& text, bool to_stdout = false) const;

  struct Compiled {
    std::shared_ptr<const fhirpath::Program> program;
  };

  FhirpathOptions options_;
  std::shared_ptr<const terminology::Definitions> definitions_;
  std::shared_ptr<const terminology::Terminology> terminology_;
  fhirpath::Evaluator evaluator_;
  std::map<std::pair<std::string, std::string>, Compiled, std::less<>> programs_;
  std::unique_ptr<Tracer> tracer_;
  std::function<void(bool)> before_text_;
};

// One value for people: the text of a primitive, the JSON of anything else.
std::string valueText(const fhirpath::Value& value);
// "FHIR.HumanName", "System.Integer".
std::string valueType(const fhirpath::Value& value, const terminology::Definitions& definitions);

}  // namespace tributary::cli
