#include "collection/internal/case_file.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "collection/internal/model.h"
#include "fhir/json_writer.h"

namespace tributary::collection {
namespace {

std::string jsonText(std::string_view text) {
  std::string out;
  fhir::writeJsonString(text, out);
  return out;
}

std::string rowText(const CaseCells& cells) {
  std::string out = "{";
  for (const auto& [field, value] : cells)
    out += (out.size() > 1 ? ", " : "") + jsonText(field) + ": " + jsonText(value);
  return out + "}";
}

std::string tablesText(const CaseTables& tables) {
  std::string out = "{";
  for (const auto& [table, rows] : tables) {
    out += (out.size() > 1 ? ",\n    " : "\n    ") + jsonText(table) + ": [";
    for (std::size_t i = 0; i < rows.size(); ++i)
      out += (i == 0 ? "\n      " : ",\n      ") + rowText(rows[i]);
    out += "\n    ]";
  }
  return out + (tables.empty() ? "}" : "\n  }");
}

std::string issueText(const CaseIssue& issue) {
  return "{\"rule\": " + jsonText(issue[0]) + ", \"at\": " + jsonText(issue[1]) +
         ", \"grade\": " + jsonText(issue[2]) + "}";
}

CaseTables readTables(const Json& tables) {
  CaseTables out;
  for (const auto& [table, rows] : tables.members()) {
    auto& list = out[std::string(table)];
    for (const Json& row : rows.items()) {
      CaseCells cells;
      for (const auto& [field, value] : row.members()) cells.emplace(field, value.text());
      list.push_back(std::move(cells));
    }
  }
  return out;
}

void compareTables(const std::string& what, const CaseTables& expected, const CaseTables& got,
                   std::string& difference) {
  std::set<std::string> names;
  for (const auto& [name, rows] : expected) names.insert(name);
  for (const auto& [name, rows] : got) names.insert(name);
  for (const std::string& name : names) {
    static const std::vector<CaseCells> kNone;
    const auto e = expected.find(name);
    const auto g = got.find(name);
    const std::vector<CaseCells>& wanted = e == expected.end() ? kNone : e->second;
    const std::vector<CaseCells>& came = g == got.end() ? kNone : g->second;
    for (std::size_t i = 0; i < std::max(wanted.size(), came.size()); ++i) {
      const std::string at = "  " + what + " " + name + "[" + std::to_string(i) + "]";
      if (i >= came.size()) {
        difference += at + " is missing: " + rowText(wanted[i]) + "\n";
      } else if (i >= wanted.size()) {
        difference += at + " is not expected: " + rowText(came[i]) + "\n";
      } else if (wanted[i] != came[i]) {
        std::set<std::string> fields;
        for (const auto& [field, value] : wanted[i]) fields.insert(field);
        for (const auto& [field, value] : came[i]) fields.insert(field);
        for (const std::string& field : fields) {
          const auto w = wanted[i].find(field), c = came[i].find(field);
          const std::string a = w == wanted[i].end() ? "(empty)" : jsonText(w->second);
          const std::string b = c == came[i].end() ? "(empty)" : jsonText(c->second);
          if (a != b) difference += at + "." + field + ": expected " + a + ", got " + b + "\n";
        }
      }
    }
  }
}

void tell(const std::vector<Issue>& faults, std::string& difference) {
  for (const Issue& fault : faults)
    difference += "  " + fault.path + ":" + std::to_string(fault.line) + ": " + fault.text + "\n";
}

// Rows that say themselves what they break need no second list of rows.
bool onlyClaims(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / "rows.json") && !std::filesystem::exists(folder / "expected.json");
}

std::optional<std::size_t> fieldOf(const Table& table, std::string_view name) {
  for (std::size_t f = 0; f < table.fields.size(); ++f) {
    if (table.fields[f].name == name) return f;
  }
  return std::nullopt;
}

void readRows(const JsonFile& file, const Collection& collection, CaseInput& out, Reporter& reporter) {
  for (const auto& [name, rows] : file.root().members()) {
    const auto index = collection.findTable(name);
    if (!index) {
      reporter.fault(file.path, rows, "there is no table '" + std::string(name) + "'",
                     "Write a table's name.");
      continue;
    }
    const Table& table = collection.tables()[*index];
    std::size_t number = 0;
    for (const Json& row : rows.items()) {
      GivenRow given{*index, std::vector<std::string>(table.fields.size())};
      CaseInput::Claim claim{table.name + "[" + std::to_string(number++) + "]", row["breaks"].string()};
      for (const auto& [field, value] : row.members()) {
        if (field == "breaks") continue;
        const auto at = fieldOf(table, field);
        if (at && table.fields[*at].sent) {
          given.cells[*at] = value.string();
        } else {
          reporter.fault(file.path, value,
                         table.name + " has no field '" + std::string(field) + "' that is sent",
                         "Write a field's name.");
        }
      }
      if (table.scope == Scope::kHeader) {
        out.header = std::move(given.cells);
      } else {
        out.rows.push_back(std::move(given));
        out.claims.push_back(std::move(claim));
      }
    }
  }
}

}  // namespace

CaseInput readCase(const std::filesystem::path& folder, const Collection& collection,
                   std::string& difference) {
  CaseInput out;
  std::vector<Issue> faults;
  Reporter reporter(faults);
  if (std::filesystem::exists(folder / "case.json")) {
    if (const auto file = readJson(folder / "case.json", reporter); file != nullptr) {
      out.day = file->root()["at"].string();
      const Json window = file->root()["window"];
      if (window) out.window = {window["start"].string(), window["end"].string(), window["created"].string()};
      for (const auto& [name, value] : file->root()["settings"].members())
        out.settings.emplace(name, value.text());
      out.file = file->root()["file"].isTrue();
      if (out.file && !out.window)
        reporter.fault(folder / "case.json", {}, "a whole file needs a window", "Write \"window\".");
    }
  }
  if (std::filesystem::exists(folder / "rows.json")) {
    if (const auto file = readJson(folder / "rows.json", reporter); file != nullptr)
      readRows(*file, collection, out, reporter);
  }
  tell(faults, difference);
  return out;
}

Result<void> writeExpected(const std::filesystem::path& folder, const CaseOutput& seen) {
  const std::string rows = "{\n  \"rows\": " + tablesText(seen.rows) +
                           ",\n  \"quarantined\": " + tablesText(seen.quarantined) + "\n}\n";
  if (!onlyClaims(folder)) TRY_VOID(writeFileDurably(folder / "expected.json", rows));
  std::string issues = "[";
  for (const CaseIssue& issue : seen.issues)
    issues += (issues.size() > 1 ? ",\n  " : "\n  ") + issueText(issue);
  issues += seen.issues.empty() ? "]\n" : "\n]\n";
  return writeFileDurably(folder / "expected-issues.json", issues);
}

void compareExpected(const std::filesystem::path& folder, const CaseOutput& seen, std::string& difference) {
  std::vector<Issue> faults;
  Reporter reporter(faults);
  if (!onlyClaims(folder)) {
    if (const auto file = readJson(folder / "expected.json", reporter); file != nullptr) {
      compareTables("row", readTables(file->root()["rows"]), seen.rows, difference);
      compareTables("quarantined", readTables(file->root()["quarantined"]), seen.quarantined, difference);
    }
  }
  if (std::filesystem::exists(folder / "expected-issues.json")) {
    if (const auto file = readJson(folder / "expected-issues.json", reporter); file != nullptr) {
      std::vector<CaseIssue> expected;
      for (const Json& issue : file->root().items()) {
        expected.push_back({issue["rule"].string(), issue["at"].string(), issue["grade"].string()});
      }
      std::sort(expected.begin(), expected.end());
      std::vector<CaseIssue> missing, extra;
      std::set_difference(expected.begin(), expected.end(), seen.issues.begin(), seen.issues.end(),
                          std::back_inserter(missing));
      std::set_difference(seen.issues.begin(), seen.issues.end(), expected.begin(), expected.end(),
                          std::back_inserter(extra));
      for (const CaseIssue& issue : missing) difference += "  issue is missing: " + issueText(issue) + "\n";
      for (const CaseIssue& issue : extra)
        difference += "  issue is not expected: " + issueText(issue) + "\n";
    }
  }
  tell(faults, difference);
}

}  // namespace tributary::collection
