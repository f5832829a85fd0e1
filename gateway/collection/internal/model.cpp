#include "collection/internal/model.h"

#include <algorithm>
#include <optional>

#include "base/file.h"
#include "fhir/json_reader.h"

namespace tributary::collection {
namespace {

constexpr std::string_view kExtension = "https://tributary.health/fhir/StructureDefinition/collection-";

// The value[x] of one of our extensions.
Json extensionValue(const Json& element, std::string_view name) {
  for (const Json& extension : element["extension"].items()) {
    const std::string_view url = extension["url"].text();
    if (!url.starts_with(kExtension) || url.substr(kExtension.size()) != name) continue;
    for (const auto& [member, value] : extension.members()) {
      if (member.starts_with("value")) return value;
    }
    return extension;
  }
  return {};
}

Json part(const Json& extension, std::string_view name) {
  for (const Json& inner : extension["extension"].items()) {
    if (inner["url"].text() != name) continue;
    for (const auto& [member, value] : inner.members()) {
      if (member.starts_with("value")) return value;
    }
  }
  return {};
}

Mandation mandationOf(std::string_view code) {
  if (code == "M") return Mandation::kMandatory;
  if (code == "R") return Mandation::kRequired;
  if (code == "O") return Mandation::kOptional;
  if (code == "P") return Mandation::kPilot;
  if (code == "removed") return Mandation::kRemoved;
  return Mandation::kUnknown;
}

CellType typeOf(std::string_view code) {
  if (code == "date") return CellType::kDate;
  if (code == "time") return CellType::kTime;
  if (code == "dateTime") return CellType::kDateTime;
  if (code == "integer") return CellType::kInteger;
  return CellType::kText;
}

// Reads the parameters of one rule into a Check.
class CheckReader {
 public:
  CheckReader(const Table& table, const Collection::Impl& impl, Reporter& reporter, const JsonFile& file)
      : table_(table), impl_(impl), reporter_(reporter), file_(file) {}

  std::optional<PendingCheck> read(std::string_view kind, std::uint16_t field, const Json& p,
                                   const Json& at) {
    at_ = at;
    const auto rule_kind = ruleKind(kind);
    if (!rule_kind) return fault("the kind of rule '" + std::string(kind) + "' is not known");
    PendingCheck out;
    out.at = at;
    out.file = &file_;
    out.check.kind = *rule_kind;
    out.check.field = field;
    if (!fill(out, p)) return std::nullopt;
    return out;
  }

 private:
  std::nullopt_t fault(std::string text) {
    reporter_.fault(file_.path, at_, std::move(text),
                    "See gateway/collection/README.md for the rules and their parameters.");
    return std::nullopt;
  }

  std::uint16_t fieldOf(std::string_view name) {
    for (std::size_t i = 0; i < table_.fields.size(); ++i) {
      if (table_.fields[i].name == name) return static_cast<std::uint16_t>(i);
    }
    fault("there is no field '" + std::string(name) + "' in " + table_.name);
    return kNoField;
  }

  bool fill(PendingCheck& out, const Json& p) {
    Check& c = out.check;
    switch (c.kind) {
      case RuleKind::kFormat:
        return format(c, p);
      case RuleKind::kCode:
        return codes(c, p);
      case RuleKind::kPattern:
        return (c.pattern = pattern(p["pattern"])) != nullptr;
      case RuleKind::kEquals:
        return equals(c, p);
      case RuleKind::kCheckDigit:
        return checkDigit(c, p);
      case RuleKind::kCalendar:
        return calendar(c, p);
      case RuleKind::kDomain:
        return domains(c, p);
      case RuleKind::kImplies:
        return conditions(p["when"], c.when) && conditions(p["then"], c.then);
      case RuleKind::kSingle:
        for (const Json& by : p["by"].items()) c.by.push_back(fieldOf(by.text()));
        return conditions(p["when"], c.when) && std::find(c.by.begin(), c.by.end(), kNoField) == c.by.end();
      case RuleKind::kCompare:
        out.other = p["other"].string();
        c.not_before = p["op"].text() == "not-before";
        c.days = static_cast<std::int32_t>(p["days"].integer());
        c.years = static_cast<std::int32_t>(p["years"].integer());
        return true;
      case RuleKind::kParent:
        out.parent = p["parent"].string();
        c.optional = p["optional"].isTrue();
        return true;
      case RuleKind::kDistinct:
        return (c.other = fieldOf(p["by"].text())) != kNoField;
      case RuleKind::kRange:
        c.range_least = p["min"].integer();
        c.range_most = p["max"].integer();
        return true;
      case RuleKind::kSum:
        for (const Json& part : p["of"].items()) c.by.push_back(fieldOf(part.text()));
        return conditions(p["when"], c.when) && std::find(c.by.begin(), c.by.end(), kNoField) == c.by.end();
      case RuleKind::kAtMost:
        return (c.other = fieldOf(p["other"].text())) != kNoField;
      case RuleKind::kMandatory:
      case RuleKind::kUnique:
        return true;
    }
    return true;
  }

  bool format(Check& c, const Json& p) {
    const std::string_view form = p["form"].text();
    if (form == "date")
      c.form = Form::kDate;
    else if (form == "time")
      c.form = Form::kTime;
    else if (form == "datetime")
      c.form = Form::kDateTime;
    else if (form == "decimal")
      c.form = Form::kDecimal;
    else if (form == "n")
      c.form = Form::kNumeric;
    else if (form == "an")
      c.form = Form::kAlphanumeric;
    else
      return fault("the form '" + std::string(form) + "' is not known"), false;
    c.least = static_cast<std::uint32_t>(p[c.form == Form::kDecimal ? "whole" : "min"].integer(0));
    c.most = static_cast<std::uint32_t>(p[c.form == Form::kDecimal ? "fraction" : "max"].integer(0));
    return true;
  }

  bool codes(Check& c, const Json& p) {
    auto set = std::make_shared<TextSet>();
    for (const auto& coding : impl_.terminology->expand(p["valueSet"].text())) set->emplace(coding.code);
    if (set->empty()) {
      reporter_.warning(file_.path, at_,
                        "the value set " + p["valueSet"].string() + " has no codes here: not checked",
                        "Add the value set to the profiles of the collection.");
      return false;
    }
    c.codes = std::move(set);
    c.prefix = static_cast<std::uint32_t>(p["prefix"].integer(0));
    return true;
  }

  std::shared_ptr<const Pattern> pattern(const Json& text) {
    auto compiled = Pattern::compile(text.text());
    if (!compiled) {
      fault("the pattern is not a regular expression");
      return nullptr;
    }
    return std::make_shared<const Pattern>(std::move(*compiled));
  }

  bool equals(Check& c, const Json& p) {
    c.value = p["value"].string();
    if (const Json setting = p["setting"]) {
      const auto found = impl_.settings.find(setting.string());
      if (found == impl_.settings.end())
        return fault("there is no setting '" + setting.string() + "'"), false;
      c.value = found->second;
    }
    return true;
  }

  bool checkDigit(Check& c, const Json& p) {
    if (p["algorithm"].text() != "modulus-11")
      return fault("the algorithm of the check digit is not known"), false;
    c.value = p["algorithm"].string();
    c.most = static_cast<std::uint32_t>(p["length"].integer(0));
    for (const Json& barred : p["barred"].items()) c.barred.push_back(barred.string());
    std::sort(c.barred.begin(), c.barred.end());
    return true;
  }

  bool calendar(Check& c, const Json& p) {
    c.not_before = p["day"].text() == "first-of-month";
    if (const Json same = p["same_month_as"]) c.other = fieldOf(same.text());
    return true;
  }

  bool domains(Check& c, const Json& p) {
    c.other = fieldOf(p["by"].text());
    auto map = std::make_shared<std::unordered_map<std::string, Domain, TextHash, std::equal_to<>>>();
    for (const auto& [code, domain] : p["domains"].members()) {
      map->emplace(code, Domain{domain["min"].integer(), domain["max"].integer(),
                                static_cast<unsigned>(domain["decimals"].integer())});
    }
    c.domains = std::move(map);
    return c.other != kNoField;
  }

  bool conditions(const Json& list, std::vector<Condition>& out) {
    for (const Json& item : list.items()) {
      Condition condition;
      condition.field = fieldOf(item["field"].text());
      if (condition.field == kNoField) return false;
      if (item["present"]) {
        condition.test = item["present"].isTrue() ? Condition::Test::kPresent : Condition::Test::kAbsent;
      } else if (item["in"]) {
        condition.test = Condition::Test::kIn;
        for (const Json& value : item["in"].items()) condition.values.push_back(value.string());
      } else {
        condition.test = Condition::Test::kMatches;
        condition.pattern = pattern(item["matches"]);
        if (condition.pattern == nullptr) return false;
      }
      out.push_back(std::move(condition));
    }
    return true;
  }

  const Table& table_;
  const Collection::Impl& impl_;
  Reporter& reporter_;
  const JsonFile& file_;
  Json at_;
};

void readRules(const Json& element, std::uint16_t field, std::uint16_t table, Model& model,
               Collection::Impl& impl, Reporter& reporter, const JsonFile& file,
               std::vector<std::unique_ptr<fhir::Document>>& scratch) {
  fhir::JsonReader reader;
  CheckReader checks(model.table, impl, reporter, file);
  for (const Json& constraint : element["constraint"].items()) {
    const Json rule = extensionValue(constraint, "rule");
    if (!rule) continue;
    const auto grade = parseGrade(part(rule, "grade").text());
    if (!grade) {
      reporter.fault(file.path, constraint, "the grade of the rule is not known",
                     "Write WARNING, REJECT_RECORD, REJECT_GROUP or REJECT_FILE.");
      continue;
    }
    Json parameters;
    if (const Json text = part(rule, "parameters")) {
      auto document = std::make_unique<fhir::Document>();
      fhir::ReadOptions options;
      options.own_text = true;
      if (!reader.read(text.text(), *document, options)) {
        reporter.fault(file.path, text, "the parameters of the rule are no JSON", "Correct the text.");
        continue;
      }
      parameters = Json(*document);
      scratch.push_back(std::move(document));
    }
    auto check = checks.read(part(rule, "kind").text(), field, parameters, constraint);
    if (!check) continue;
    check->check.rule = static_cast<std::uint32_t>(impl.rules.size());
    check->check.grade = *grade;
    const Json national = part(rule, "national-id");
    impl.rules.push_back(Rule{national ? national.string() : constraint["key"].string(),
                              static_cast<bool>(national), part(rule, "kind").string(), *grade,
                              part(rule, "grade").text() == "REJECT_GROUP", table,
                              model.table.fields[field].name, constraint["human"].string(),
                              part(rule, "mark").string()});
    model.checks.push_back(std::move(*check));
  }
}

}  // namespace

std::optional<Grade> parseGrade(std::string_view text) {
  if (text == "WARNING") return Grade::kWarning;
  if (text == "REJECT_RECORD" || text == "REJECT_GROUP") return Grade::kRejectRecord;
  if (text == "REJECT_FILE") return Grade::kRejectFile;
  return std::nullopt;
}

std::unique_ptr<JsonFile> readJson(const std::filesystem::path& path, Reporter& reporter, std::string* text) {
  auto bytes = readFile(path, std::size_t{64} << 20);
  auto file = std::make_unique<JsonFile>();
  file->path = path;
  if (!bytes) {
    reporter.fault(path, {}, "the file cannot be read", "Check that it is there.");
    return nullptr;
  }
  fhir::JsonReader reader;
  fhir::ReadOptions options;
  options.own_text = true;
  options.any_value = true;  // lists of expected issues
  if (auto read = reader.read(*bytes, file->document, options); !read) {
    Issue issue = std::move(read).error();
    issue.path = path.string();
    reporter.add(std::move(issue));
    return nullptr;
  }
  if (text != nullptr) *text = std::move(*bytes);
  return file;
}

std::optional<Model> readModel(const JsonFile& file, std::uint16_t table, Collection::Impl& impl,
                               Reporter& reporter) {
  const Json root = file.root();
  Model model;
  model.table.code = extensionValue(root, "table-code").string();
  model.table.name = root["name"].string();
  model.table.title = root["title"].string();
  model.table.mandatory = extensionValue(root, "mandatory").isTrue();
  const auto elements = root["differential"]["element"].items();
  if (root["kind"].text() != "logical" || elements.size() < 2 || model.table.code.empty()) {
    reporter.fault(file.path, root, "this is no logical model of a table",
                   "It needs kind logical, elements and the extension collection-table-code.");
    return std::nullopt;
  }
  for (std::size_t i = 1; i < elements.size(); ++i) {
    Field field;
    const std::string_view path = elements[i]["path"].text();
    field.name = std::string(path.substr(path.rfind('.') + 1));
    field.title = elements[i]["short"].string();
    const auto types = elements[i]["type"].items();
    field.type = types.empty() ? CellType::kText : typeOf(types.front()["code"].text());
    field.mandation = mandationOf(extensionValue(elements[i], "mandation").text());
    field.format = extensionValue(elements[i], "format").string();
    if (elements[i]["binding"]["strength"].text() != "example")
      field.value_set = elements[i]["binding"]["valueSet"].string();
    field.mandation_confidence = extensionValue(elements[i], "mandation-mark").string();
    field.confidence = extensionValue(elements[i], "confidence").string();
    field.sent = field.mandation != Mandation::kRemoved;
    if (!field.sent) field.unsent_reason = "removed in this version: never sent";
    model.table.fields.push_back(std::move(field));
  }
  // In a model that is assumed as a whole, the key is as much its own as everything else.
  const std::string_view key_mark = extensionValue(root, "key-mark").text();
  model.table.key_stated = key_mark == "stated" || key_mark == "assumed";
  std::string_view key = extensionValue(root, "key").text();
  while (!key.empty()) {
    const std::string_view name = key.substr(0, key.find(','));
    key.remove_prefix(std::min(key.size(), name.size() + 1));
    const auto found = std::find_if(model.table.fields.begin(), model.table.fields.end(),
                                    [&](const Field& f) { return f.name == name; });
    if (found == model.table.fields.end()) {
      reporter.fault(file.path, root, "the key names a field that is not there: " + std::string(name),
                     "Correct collection-key.");
      continue;
    }
    model.table.key.push_back(static_cast<std::uint16_t>(found - model.table.fields.begin()));
  }
  std::vector<std::unique_ptr<fhir::Document>> scratch;
  for (std::size_t i = 1; i < elements.size(); ++i) {
    readRules(elements[i], static_cast<std::uint16_t>(i - 1), table, model, impl, reporter, file, scratch);
  }
  return model;
}

}  // namespace tributary::collection
