// The public FHIRPath R4 suite: conformance_fhirpath FOLDER [NAME]
// FOLDER holds tests-fhir-r4.xml and input/. Prints what fails and ends with "fhirpath: P of T". A test
// passes on type, literal and order, and an invalid one on its phase. NAME: only tests whose group or name
// contains it.
#include <expat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "fhir/json_reader.h"
#include "fhir/xml_reader.h"
#include "fhirpath/evaluator.h"
#include "terminology/definitions.h"
#include "terminology/element_shapes.h"
#include "terminology/terminology.h"

namespace {

namespace fs = std::filesystem;
using namespace tributary;
using fhirpath::Value;
using fhirpath::ValueKind;

struct Output {
  std::string type, text;
};
struct Case {
  std::string group, name, input, mode, invalid, expression;
  bool predicate = false, ordered = true;
  std::vector<Output> outputs;
};

// Reads the suite's XML. Comments and attributes that do not matter here are passed over.
class SuiteReader {
 public:
  std::vector<Case> read(const std::string& xml) {
    const auto parser = std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)>(
        XML_ParserCreate("UTF-8"), XML_ParserFree);
    XML_SetUserData(parser.get(), this);
    XML_SetElementHandler(parser.get(), start, end);
    XML_SetCharacterDataHandler(parser.get(), characters);
    if (XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) != XML_STATUS_OK) {
      std::fprintf(stderr, "the suite does not parse: line %lu\n", XML_GetCurrentLineNumber(parser.get()));
      std::exit(2);
    }
    return std::move(cases_);
  }

 private:
  static void start(void* self, const XML_Char* name, const XML_Char** attributes) {
    static_cast<SuiteReader*>(self)->open(name, attributes);
  }
  static void end(void* self, const XML_Char* name) { static_cast<SuiteReader*>(self)->close(name); }
  static void characters(void* self, const XML_Char* text, int size) {
    static_cast<SuiteReader*>(self)->text_.append(text, static_cast<std::size_t>(size));
  }

  void open(std::string_view name, const XML_Char** attributes) {
    std::map<std::string, std::string> given;
    for (; *attributes != nullptr; attributes += 2) given[attributes[0]] = attributes[1];
    text_.clear();
    if (name == "group") group_ = given["name"];
    if (name == "test") {
      Case& c = cases_.emplace_back();
      c.group = group_;
      c.name = given["name"];
      c.input = given["inputfile"];
      c.mode = given["mode"];
      c.predicate = given["predicate"] == "true";
      c.ordered = given["ordered"] != "false";
    }
    if (name == "expression" && !cases_.empty()) {
      cases_.back().invalid = given["invalid"];
      if (!given["mode"].empty()) cases_.back().mode = given["mode"];
    }
    if (name == "output" && !cases_.empty()) cases_.back().outputs.push_back({given["type"], {}});
  }
  void close(std::string_view name) {
    if (name == "expression") cases_.back().expression = text_;
    if (name == "output") cases_.back().outputs.back().text = text_;
    text_.clear();
  }

  std::vector<Case> cases_;
  std::string group_, text_;
};

class Suite {
 public:
  Suite(fs::path folder, const fs::path& definitions) : folder_(std::move(folder)) {
    auto opened = terminology::Definitions::open(definitions);
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().text.c_str());
      std::exit(2);
    }
    definitions_ = *opened;
    auto terms = terminology::Terminology::load(definitions_);
    if (terms) terminology_ = *terms;
    shapes_ = terminology::makeElementShapes(definitions_);
    fhirpath::Environment environment;
    environment.definitions = definitions_.get();
    environment.terminology = terminology_.get();
    environment.now = SystemClock().now();
    environment.zone_minutes = 60;
    evaluator_ = std::make_unique<fhirpath::Evaluator>(environment);
  }

  // Empty: it passed.
  std::string run(const Case& c) {
    const fhir::Document& document = input(c.input.empty() ? "patient-example.xml" : c.input);
    fhirpath::CompileOptions options;
    options.definitions = definitions_.get();
    options.context_type = std::string(document.resourceType());
    options.strict = c.mode == "strict";
    const auto program = fhirpath::compile(c.expression, options);
    if (!program) {
      const std::string phase = phaseName(program.error().phase);
      return phase == c.invalid ? "" : "a " + phase + " error: " + program.error().render();
    }
    const auto values = evaluator_->evaluate(**program, evaluator_->root(document));
    if (!values)
      return c.invalid == "execution" ? "" : "an execution error: " + evaluator_->lastDiagnostic().render();
    std::vector<std::string> got = shown(*values);
    if (!c.invalid.empty()) return list(got);
    if (c.predicate) {
      const auto truth = evaluator_->test(**program, evaluator_->root(document));
      got = {truth && *truth == true ? "boolean:true" : "boolean:false"};
    }
    return compare(c, got);
  }

 private:
  static std::string phaseName(fhirpath::Phase phase) {
    return phase == fhirpath::Phase::kSyntax     ? "syntax"
           : phase == fhirpath::Phase::kSemantic ? "semantic"
                                                 : "execution";
  }
  static std::string list(const std::vector<std::string>& items) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() > 1 ? ", " : "") + item;
    return out + "]";
  }

  const fhir::Document& input(const std::string& name) {
    auto& slot = inputs_[name];
    if (slot != nullptr) return *slot;
    slot = std::make_unique<fhir::Document>();
    auto text = readFile(folder_ / "input" / name);
    if (!text) {
      std::fprintf(stderr, "%s\n", text.error().text.c_str());
      std::exit(2);
    }
    fhir::ReadOptions options;
    options.own_text = true;
    const auto ok = name.ends_with(".xml") ? fhir::XmlReader(*shapes_).read(*text, *slot, options)
                                           : fhir::JsonReader().read(*text, *slot, options);
    if (!ok) {
      std::fprintf(stderr, "%s: %s\n", name.c_str(), ok.error().text.c_str());
      std::exit(2);
    }
    return *slot;
  }

  // "type:literal" as the suite writes it.
  std::vector<std::string> shown(std::span<const Value> values) const {
    std::vector<std::string> out;
    for (const Value& v : values) {
      fhirpath::TextBuffer buffer;
      std::string type;
      std::string prefix;
      if (v.isNode()) {
        type = v.type() != 0 ? std::string(definitions_->typeName(v.type())) : "?";
      } else {
        type = std::string(fhirpath::systemTypeName(v.kind()));
      }
      if (type != "Quantity" && !type.empty()) type[0] = static_cast<char>(std::tolower(type[0]));
      if (type == "date" || type == "dateTime" || type == "instant") prefix = "@";
      if (type == "time") prefix = "@T";
      out.push_back(type + ":" + prefix + std::string(fhirpath::text(v, buffer)));
    }
    return out;
  }

  static bool sameLiteral(const std::string& wanted, const std::string& got) {
    if (wanted == got) return true;
    // A decimal has no negative zero: "-0.0" is 0.0, digit for digit.
    return wanted.starts_with("-0") && wanted.find_first_not_of("-0.") == std::string::npos &&
           wanted.substr(1) == got;
  }

  static std::string compare(const Case& c, std::vector<std::string> got) {
    std::vector<std::string> wanted;
    for (const Output& output : c.outputs) wanted.push_back(output.type + ":" + output.text);
    if (!c.ordered) {
      std::sort(got.begin(), got.end());
      std::sort(wanted.begin(), wanted.end());
    }
    bool same = wanted.size() == got.size();
    for (std::size_t i = 0; same && i < wanted.size(); ++i) {
      // Outputs without a type are compared by their literal.
      const auto at = wanted[i].find(':');
      const auto got_at = got[i].find(':');
      same = (at == 0 || wanted[i].substr(0, at) == got[i].substr(0, got_at)) &&
             sameLiteral(wanted[i].substr(at + 1), got[i].substr(got_at + 1));
    }
    return same ? "" : list(got);
  }

  fs::path folder_;
  std::shared_ptr<const terminology::Definitions> definitions_;
  std::shared_ptr<const terminology::Terminology> terminology_;
  std::unique_ptr<fhir::ElementShapes> shapes_;
  std::unique_ptr<fhirpath::Evaluator> evaluator_;
  std::map<std::string, std::unique_ptr<fhir::Document>> inputs_;
};

fs::path cacheFolder() {
  const char* given = std::getenv("TRIBUTARY_CACHE");
  return given != nullptr ? fs::path(given) : fs::path(TRIBUTARY_SOURCE_DIR) / ".cache";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: conformance_fhirpath FOLDER [NAME]\n");
    return 2;
  }
  const fs::path folder = argv[1];
  const std::string_view only = argc > 2 ? argv[2] : "";
  const auto xml = readFile(folder / "tests-fhir-r4.xml");
  if (!xml) {
    std::fprintf(stderr, "%s\n", xml.error().text.c_str());
    return 2;
  }
  const auto cases = SuiteReader().read(*xml);
  Suite suite(folder, cacheFolder() / "definitions.bin");
  std::size_t passed = 0, run = 0;
  for (const Case& c : cases) {
    if (!only.empty() && c.group.find(only) == std::string::npos && c.name.find(only) == std::string::npos)
      continue;
    ++run;
    const std::string got = suite.run(c);
    if (got.empty()) {
      ++passed;
      continue;
    }
    std::string wanted = c.invalid.empty() ? "[" : "a " + c.invalid + " error";
    for (const Output& output : c.outputs) {
      if (c.invalid.empty()) wanted += (wanted.size() > 1 ? ", " : "") + output.type + ":" + output.text;
    }
    if (c.invalid.empty()) wanted += "]";
    std::printf("%s/%s\n  %s\n  expected %s\n  got      %s\n", c.group.c_str(), c.name.c_str(),
                c.expression.c_str(), wanted.c_str(), got.c_str());
  }
  std::printf("fhirpath: %zu of %zu\n", passed, run);
  return passed == run ? 0 : 1;
}
