#!/usr/bin/env python3
"""CSDS v1.6 against the facts of the national model: every field by name, caseload, expression, rules and code list.

    csds.py FACTS PROGRAM MAPPINGS PROFILES     (tests/conformance/run csds gives them)

FACTS is ../shared/national-model/csds-1.6. A field counts when all of this holds:
  name        its table and name, and their order, agree letter by letter with fields.csv, in the compiled collection and
              in the columns of the files that are written
  filled      the synthetic caseload (seed and size are pinned below) fills it in a row that may be sent; the header's
              cells are filled by settings and window
  expression  a mapping test reaches an expression that fills it
  rules       every rule of rules_by_field.csv is a rule of the collection with the national severity and kind, shown under
              the published id where there is one and only there, and a mapping test breaks it
  codes       its code list holds the codes of codes/*.csv, no more and no less
A field marked pilot, or removed in v1.6, counts when it is held back. Last line: csds: P of 228
"""
import argparse
import collections
import csv
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SYNTH = ["--patients", "3000", "--seed", "1", "--day", "2026-10-31"]
BASE = "https://tributary.health/fhir/"
GRADES = {"WARNING": "warning", "REJECT_RECORD": "reject-record", "REJECT_GROUP": "reject-record",
          "REJECT_FILE": "reject-file"}
STRENGTH = ["warning", "reject-record", "reject-file"]
# Kind of a fact → kinds of the collection that may stand for it.
KINDS = {"mandatory": {"mandatory"}, "format": {"format"}, "code_list": {"code"}, "ods": {"pattern"},
         "referential": {"parent"}, "unique": {"unique", "distinct"}, "date": {"compare", "calendar", "single"},
         "nhs_number": {"check-digit"}, "pattern": {"pattern"}, "cross": {"implies"}, "score": {"domain"},
         "value": {"equals", "calendar", "compare"}}


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def slips(profiles):
    """Facts that are no rules, each with the reason: the generator of the profiles names them."""
    spec = importlib.util.spec_from_file_location("generate", profiles / "csds" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SLIPS


def caseload(program, mappings):
    """(table, field) → filled cells among the rows that may be sent, and table → columns of its file."""
    filled, columns = collections.Counter(), {}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        subprocess.run([program, "synth", *SYNTH, "-o", work / "fhir"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "map", work / "fhir", "--collection", "csds/1.6", "--mappings", mappings,
                        "-o", work / "rows"], check=True, stdout=subprocess.DEVNULL)
        for path in sorted((work / "rows").glob("*.csv")):
            with open(path, newline="", encoding="utf-8") as stream:
                rows = csv.reader(stream)
                columns[path.stem] = next(rows)
                for row in rows:
                    filled.update((path.stem, field) for field, cell in zip(columns[path.stem], row) if cell)
    return filled, columns


def listed_codes(path):
    """All codes of a list, and those that CSDS accepts."""
    rows = [r for r in read(path) if r["code"] and r.get("kind") != "?"]
    valid = {r["code"] for r in rows if (r.get("valid_in_csds") or "yes").startswith(("yes", "unknown"))}
    return {r["code"] for r in rows}, valid


def check_codes(facts, profiles):
    """List name → what is wrong with its CodeSystem and ValueSet ('' is right)."""
    out = {}
    held = {}
    for path in (profiles / "csds" / "1.6").glob("*.json"):
        resource = json.loads(path.read_text(encoding="utf-8"))
        held[resource.get("url")] = resource
    for path in sorted((facts / "codes").glob("*.csv")):
        name = path.stem.removesuffix(".partial")
        if name.startswith("DERIVED_"):
            continue  # what the national side adds
        every, valid = listed_codes(path)
        slug = "csds-" + name.lower().replace("_", "-")
        wrong = []
        value_set = held.get(BASE + "ValueSet/" + slug)
        if value_set is None:
            wrong.append("no ValueSet")
        else:
            includes = value_set.get("compose", {}).get("include", [])
            if {c["code"] for i in includes for c in i.get("concept", [])} != valid:
                wrong.append("the ValueSet has other codes")
        if not path.stem.endswith(".partial"):  # those are SNOMED CT codes
            system = held.get(BASE + "CodeSystem/" + slug)
            if system is None:
                wrong.append("no CodeSystem")
            elif {c["code"] for c in system.get("concept", [])} != every:
                wrong.append("the CodeSystem has other codes")
        out[name] = ", ".join(wrong)
    return out


def rule_faults(fact, rules, left_out):
    """What is wrong with the rule of a fact; nothing when it is in force and broken by a test."""
    name = fact["national_rule_id"] or fact["local_id"]
    if fact["local_id"] in left_out:
        return []
    pieces = [r for r in rules if re.fullmatch(re.escape(name) + "[a-z]?", r["id"])]
    if not pieces:
        return [name + " is no rule of the collection"]
    faults = []
    wanted = GRADES[fact["severity"]]
    strongest = max((r["grade"] for r in pieces), key=STRENGTH.index)
    if strongest != wanted:
        faults.append(f"{name} is graded {strongest}, nationally {wanted}")
    for rule in pieces:
        if rule["national"] != bool(fact["national_rule_id"]):
            faults.append(f"{rule['id']} is shown as " + ("national" if rule["national"] else "ours"))
        if rule["kind"] not in KINDS[fact["kind"]]:
            faults.append(f"{rule['id']} is of kind {rule['kind']}, the fact is {fact['kind']}")
        if not rule["brokenBy"]:
            faults.append(f"no test breaks {rule['id']}")
    return faults


def list_of(field):
    """The code list that a field names, in full or for its default codes."""
    found = re.findall(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", field["code_list"])
    return found[0] if found else None


class Check:
    def __init__(self, facts, report, filled, columns, codes, left_out):
        self.facts, self.filled, self.columns, self.codes, self.left_out = facts, filled, columns, codes, left_out
        self.tables = {t["code"]: t for t in report["tables"]}
        self.rules = report["rules"]
        self.reached = {(e["view"].split("-")[0], e["field"]) for e in report["expressions"] if e["reached"]}
        self.rules_of = collections.defaultdict(list)
        for rule in read(facts / "rules_by_field.csv"):
            self.rules_of[rule["table"], rule["field"]].append(rule)
        self.names = {t["table_code"]: t["physical_name"] for t in read(facts / "tables.csv")}

    def name(self, field, position):
        table = self.tables.get(field["table_code"])
        if table is None:
            return ["there is no table " + field["table_code"]]
        faults = []
        if not table["name"] == field["table_name"] == self.names[field["table_code"]]:
            faults.append(f"the table is called {table['name']}")
        ours = [f["name"] for f in table["fields"] if f["mandation"] != "removed"]
        if position >= len(ours) or ours[position] != field["field"]:
            faults.append(f"field {position + 1} is " + (ours[position] if position < len(ours) else "missing"))
        sent = [f["name"] for f in table["fields"] if f["sent"]]
        if table["scope"] != "header" and self.columns.get(table["name"]) != sent:
            faults.append("the columns of the file differ")
        return faults

    def held_back(self, field):
        table = self.tables.get(field["table_code"], {"name": "", "fields": []})
        for f in table["fields"]:
            if f["name"] == field["field"]:
                return not f["sent"] and field["field"] not in self.columns.get(table["name"], [])
        return True  # not in the model at all

    def field(self, field, position):
        """Condition → what is wrong."""
        faults = {"name": self.name(field, position)}
        if field["mandation"] == "P":
            faults["held back"] = [] if self.held_back(field) else ["it is pilot, and yet sent"]
            return faults
        key = (field["table_name"], field["field"])
        header = self.tables.get(field["table_code"], {}).get("scope") == "header"
        if not header and not self.filled[key]:
            faults["filled"] = ["the caseload never fills it"]
        if key not in self.reached:
            faults["expression"] = ["no test reaches an expression of it"]
        faults["rules"] = [f for fact in self.rules_of[field["table_code"], field["field"]]
                           for f in rule_faults(fact, self.rules, self.left_out)]
        if self.codes.get(list_of(field)):
            faults["codes"] = [f"{list_of(field)}: {self.codes[list_of(field)]}"]
        return faults


def count_fields(check, facts):
    """Prints what fails; (fields that count, fields, removed fields that are sent)."""
    passed = total = sent_though_removed = 0
    position = collections.Counter()
    for field in read(facts / "fields.csv"):
        if field["versions"] != "v1.6":
            if not check.held_back(field):
                print(f"{field['table_name']}.{field['field']}: v1.6 removed it, and it is sent")
                sent_though_removed += 1
            continue
        faults = check.field(field, position[field["table_code"]])
        position[field["table_code"]] += 1
        total += 1
        passed += not any(faults.values())
        for condition, texts in faults.items():
            for text in texts:
                print(f"{field['table_name'] + '.' + field['field']:<60} {condition:<11} {text}")
    return passed, total, sent_though_removed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("facts", "program", "mappings", "profiles"):
        parser.add_argument(name, type=pathlib.Path)
    given = parser.parse_args()
    tests = subprocess.run([given.program, "test", "--json", given.mappings / "csds" / "1.6"], stdout=subprocess.PIPE)
    report = json.loads(tests.stdout)[0]
    filled, columns = caseload(given.program, given.mappings)
    codes = check_codes(given.facts, given.profiles)
    left_out = slips(given.profiles)
    check = Check(given.facts, report, filled, columns, codes, left_out)
    passed, total, removed = count_fields(check, given.facts)

    facts = read(given.facts / "rules_by_field.csv")
    for name, reason in left_out.items():
        print(f"left out: {name}, {reason}")
    for name, wrong in codes.items():
        if wrong:
            print(f"code list {name}: {wrong}")
    by = collections.Counter(r["brokenBy"] for r in report["rules"] if r["active"])
    print(f"tables: {len(columns)} written, header besides; tables.csv has {len(check.names)}")
    print(f"rules: {len(facts)} facts, {len(left_out)} left out; {sum(by.values())} rules in force, "
          f"broken by resources {by['resources']}, by rows only {by['rows']}, by no test {by['']}")
    print(f"code lists: {sum(not w for w in codes.values())} of {len(codes)} equal")
    print(f"mapping tests: {report['passed']} passed, {report['failed']} failed")
    print(f"csds: {passed} of {total}")
    sound = not removed and not report["failed"] and not any(codes.values()) and len(columns) + 1 == len(check.names)
    sys.exit(0 if passed == total and sound else 1)


if __name__ == "__main__":
    main()
