// UCUM units against public data: conformance_ucum FOLDER
// FOLDER holds ucum-functional-tests.xml, ucum-essence.xml and ucum_examples.tsv (fetch_ucum.sh brings them).
// What the bounded table leaves out by design (README of gateway/terminology) is counted and listed apart, by
// reason; everything else passes or fails. Last line: ucum: P of T
#include <expat.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "terminology/units.h"

namespace {

using namespace tributary;
using terminology::Unit;

std::string read(const std::string& path) {
  auto bytes = readFile(path);
  if (!bytes) {
    std::fprintf(stderr, "%s\n", bytes.error().text.c_str());
    std::exit(2);
  }
  return std::move(*bytes);
}

// ── XML: the elements that hold cases, as names and attributes in document order ──
using Attributes = std::map<std::string, std::string>;
struct Element {
  std::string parent, name;
  Attributes attributes;
};

std::vector<Element> elementsOf(const std::string& xml) {
  struct State {
    std::vector<Element> found;
    std::vector<std::string> open{""};
  } state;
  XML_Parser parser = XML_ParserCreate("UTF-8");
  XML_SetUserData(parser, &state);
  XML_SetElementHandler(
      parser,
      [](void* self, const XML_Char* name, const XML_Char** attributes) {
        State& s = *static_cast<State*>(self);
        Element element{s.open.back(), name, {}};
        for (; *attributes != nullptr; attributes += 2) element.attributes[attributes[0]] = attributes[1];
        s.found.push_back(std::move(element));
        s.open.emplace_back(name);
      },
      [](void* self, const XML_Char*) { static_cast<State*>(self)->open.pop_back(); });
  if (XML_Parse(parser, xml.data(), static_cast<int>(xml.size()), 1) != XML_STATUS_OK) {
    std::fprintf(stderr, "the data does not parse: line %lu\n", XML_GetCurrentLineNumber(parser));
    std::exit(2);
  }
  XML_ParserFree(parser);
  return std::move(state.found);
}

// ── the account ──
class Account {
 public:
  void begin(const char* title) { title_ = title, passed_ = total_ = 0; }
  void check(bool holds, const std::string& what) {
    ++total_;
    passed_ += holds ? 1 : 0;
    if (!holds) std::printf("FAILED %s: %s\n", title_, what.c_str());
  }
  void outside(const std::string& reason, const std::string& what) { outside_[reason].push_back(what); }
  void end() {
    std::printf("%-28s %4d of %4d\n", title_, passed_, total_);
    all_passed_ += passed_, all_ += total_;
  }
  int close() {
    for (const auto& [reason, what] : outside_) {
      std::printf("outside the table, not counted: %zu, %s:", what.size(), reason.c_str());
      for (const std::string& one : what) std::printf(" %s", one.c_str());
      std::printf("\n");
    }
    std::printf("ucum: %d of %d\n", all_passed_, all_);
    return all_passed_ == all_ && all_ > 0 ? 0 : 1;
  }

 private:
  const char* title_ = "";
  int passed_ = 0, total_ = 0, all_passed_ = 0, all_ = 0;
  std::map<std::string, std::vector<std::string>> outside_;
};

constexpr const char* kSpecialScale = "units on logarithmic and other special scales";

// A unit that must be valid; false when it is not there to go on with.
bool valid(Account& account, const std::string& what, const std::string& code) {
  const auto unit = terminology::parseUnit(code);
  if (!unit && unit.error().unconverted) {
    account.outside(kSpecialScale, code);
    return false;
  }
  account.check(unit.has_value(), what + " " + code + (unit ? "" : ": " + unit.error().text));
  return unit.has_value();
}

// Equal to the digits that `expected` is written with, and no closer than the 18 digits to which the table
// holds irrational and measured factors.
bool agrees(const std::optional<Decimal>& got, const std::string& expected) {
  if (!got) return false;
  const long double mine = std::strtold(got->toString().c_str(), nullptr);
  const long double theirs = std::strtold(expected.c_str(), nullptr);
  if (theirs == 0) return mine == 0;
  const std::string digits = expected.substr(0, expected.find_first_of("eE"));
  int significant = 0;
  for (const char c : digits) {
    if (c >= '0' && c <= '9' && (significant > 0 || c != '0')) ++significant;
  }
  const long double last = std::floor(std::log10(std::fabs(theirs))) - significant + 1;
  const long double slack =
      digits.find('.') == std::string::npos && significant > 4 ? 0 : std::pow(10.0L, last) / 2;
  return std::fabs(mine - theirs) <= std::max(slack * 1.000001L, std::fabs(theirs) * 1e-16L);
}

void validations(Account& account, const std::vector<Element>& cases) {
  account.begin("functional: validation");
  for (const Element& e : cases) {
    if (e.name != "case" || e.parent != "validation") continue;
    const std::string& code = e.attributes.at("unit");
    const std::string& id = e.attributes.at("id");
    if (e.attributes.at("valid") == "true") {
      valid(account, id, code);
    } else {
      account.check(!terminology::parseUnit(code), id + " " + code + " must not be a unit");
    }
  }
  account.end();
}

void conversions(Account& account, const std::vector<Element>& cases) {
  account.begin("functional: conversion");
  for (const Element& e : cases) {
    if (e.name != "case" || e.parent != "conversion") continue;
    const auto& a = e.attributes;
    const auto got = terminology::convert(*Decimal::parse(a.at("value")), a.at("srcUnit"), a.at("dstUnit"));
    account.check(agrees(got, a.at("outcome")),
                  a.at("id") + " " + a.at("value") + " " + a.at("srcUnit") + " in " + a.at("dstUnit") + ": " +
                      (got ? got->toString() : "nothing") + ", expected " + a.at("outcome"));
  }
  account.end();
}

void products(Account& account, const std::vector<Element>& cases) {
  account.begin("functional: multiplication");
  for (const Element& e : cases) {
    if (e.name != "case" || (e.parent != "multiplication" && e.parent != "division")) continue;
    const auto& a = e.attributes;
    const bool divide = e.parent == "division";
    const auto u1 = terminology::parseUnit(a.at("u1")), u2 = terminology::parseUnit(a.at("u2"));
    const auto result_unit = terminology::parseUnit(a.at("uRes"));
    const Decimal v1 = *Decimal::parse(a.at("v1")), v2 = *Decimal::parse(a.at("v2"));
    bool holds = u1 && u2 && result_unit;
    if (holds) {
      const auto unit = divide ? terminology::divide(*u1, *u2) : terminology::multiply(*u1, *u2);
      const auto value = divide ? v1.dividedBy(v2) : v1.times(v2);
      holds = unit && value && agrees(terminology::convert(*value, *unit, *result_unit), a.at("vRes"));
    }
    account.check(holds, a.at("id"));
  }
  account.end();
}

void displayNames(Account& account, const std::vector<Element>& cases) {
  for (const Element& e : cases) {
    if (e.name != "case" || e.parent != "displayNameGeneration") continue;
    account.outside("names of units for display, which are not made here", e.attributes.at("id"));
  }
}

void prefixes(Account& account, const std::vector<Element>& table) {
  account.begin("table: prefixes");
  std::string code;
  for (const Element& e : table) {
    if (e.name == "prefix") code = e.attributes.at("Code");
    if (e.name != "value" || e.parent != "prefix") continue;
    const std::string& value = e.attributes.at("value");
    // A binary prefix is used with information, the decimal ones with anything.
    account.check(agrees(terminology::convert(Decimal(1), code + "By", "By"), value), code + " is " + value);
  }
  account.end();
}

// Each unit of the table: known, its factor, whether it takes prefixes.
void units(Account& account, const std::vector<Element>& table) {
  account.begin("table: units");
  Attributes unit;
  for (const Element& e : table) {
    if (e.name == "base-unit") valid(account, "base unit", e.attributes.at("Code"));
    if (e.name == "unit") unit = e.attributes;
    if (e.name != "value" || e.parent != "unit") continue;
    const std::string& code = unit.at("Code");
    const bool special = unit.contains("isSpecial") && unit.at("isSpecial") == "yes";
    const bool arbitrary = unit.contains("isArbitrary") && unit.at("isArbitrary") == "yes";
    const bool metric = unit.at("isMetric") == "yes";
    if (!valid(account, "unit", code)) continue;
    account.check(terminology::parseUnit("k" + code).has_value() == metric ||
                      (special && terminology::parseUnit(code)->scale != Unit::Scale::kRatio),
                  code + (metric ? " takes prefixes" : " takes no prefix"));
    const Unit mine = *terminology::parseUnit(code);
    if (special) continue;  // a temperature scale: tests/terminology checks its fixed points
    if (arbitrary) {
      const std::string& other = e.attributes.at("Unit");
      account.check(mine.arbitrary != 0 &&
                        (other == "1" || terminology::comparable(mine, *terminology::parseUnit(other))),
                    code + " is arbitrary");
      continue;
    }
    const auto got = terminology::convert(Decimal(1), code, e.attributes.at("Unit"));
    account.check(agrees(got, e.attributes.at("value")), "1 " + code + " is " + e.attributes.at("value") +
                                                             " " + e.attributes.at("Unit") + ", not " +
                                                             (got ? got->toString() : "nothing"));
  }
  account.end();
}

// `known`: the table of units. The table of example codes names a unit or two that it does not define.
void examples(Account& account, const std::string& table, const std::vector<Element>& known) {
  account.begin("table of example codes");
  const auto defined = [&](const std::string& code) {
    return code.find_first_of("./[{*0123456789%") != std::string::npos ||
           std::any_of(known.begin(), known.end(), [&](const Element& e) {
             const auto it = e.attributes.find("Code");
             return it != e.attributes.end() && code.ends_with(it->second) && e.name != "prefix";
           });
  };
  std::size_t at = table.find('\n');  // the heading
  while (at != std::string::npos && at + 1 < table.size()) {
    const std::size_t end = table.find('\n', at + 1);
    const std::string line = table.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    at = end;
    const auto tab = line.find('\t');
    if (tab == std::string::npos) continue;
    const std::string code = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
    if (!defined(code)) {
      account.outside("units that the table of units does not define", code);
    } else {
      valid(account, "row " + line.substr(0, tab), code);
    }
  }
  account.end();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: conformance_ucum FOLDER\n");
    return 2;
  }
  const std::string folder = std::string(argv[1]) + "/";
  Account account;
  const auto functional = elementsOf(read(folder + "ucum-functional-tests.xml"));
  validations(account, functional);
  displayNames(account, functional);
  conversions(account, functional);
  products(account, functional);
  const auto essence = elementsOf(read(folder + "ucum-essence.xml"));
  prefixes(account, essence);
  units(account, essence);
  examples(account, read(folder + "ucum_examples.tsv"), essence);
  return account.close();
}
