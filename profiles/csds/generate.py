#!/usr/bin/env python3
"""Makes the logical models, code systems and value sets of CSDS v1.6 from the facts of the national model.

    profiles/csds/generate.py [--facts ../shared/national-model/csds-1.6] [--check]

Its outputs (profiles/csds/1.6/*.json) are checked in; --check only compares. Same facts, same bytes. Each fact carries
the mark that the facts give it (stated or inferred) as an extension, so that a user can see what is published and what is our reading.
"""
import argparse
import csv
import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASE = "https://tributary.health/fhir/"
EXT = BASE + "StructureDefinition/collection-"
VERSION = "1.6"
DATE = "2026-11-01"

# Keys that tell rows of a table apart. The ones with a published or inferred uniqueness rule come from tables.csv;
# the others are ours, so that a row has a stable identity in the ledger.
KEYS = {
    "CYP000": ["OrgID_Provider"],
    "CYP002": ["LocalPatientID", "OrgID_GP", "GPRegistration_StartDate"],
    "CYP003": ["LocalPatientID", "AccommStatus_Date", "AccommStatus"],
    "CYP005": ["PlanID", "Plan_AgreedBy", "Plan_AgreedDate", "Plan_AgreedTime"],
    "CYP006": ["LocalPatientID", "SNOMED_ID", "Circumstance_RecordedDate"],
    "CYP007": ["LocalPatientID", "EmploymentStatus_RecordedDate", "EmploymentStatus"],
    "CYP008": ["LocalPatientID", "OvsVisChCat", "OvsVisChCatAppDate"],
    "CYP102": ["ServiceRequestID", "TeamID_Local"],
    "CYP103": ["ServiceRequestID", "ReferralReason_Other"],
    "CYP104": ["ServiceRequestID", "WaitingTime_MeasurementType", "RTT_StartDate", "RTT_StartTime"],
    "CYP105": ["ServiceRequestID", "Onward_ReferralDate", "Onward_ReferralReason", "OrgID_Receiving"],
    "CYP301": ["GroupSessionID"],
    "CYP401": ["LocalPatientID", "EducationNeed_Type"],
    "CYP402": ["LocalPatientID", "SafeguardingFactors_Type"],
    "CYP403": ["LocalPatientID", "CPP_Reason", "CPP_StartDate"],
    "CYP404": ["LocalPatientID", "SNOMED_ID", "SNOMED_Date"],
    "CYP501": ["LocalPatientID", "Immunisation_Date", "Procedure_Scheme", "ImmunisationProcedure"],
    "CYP502": ["LocalPatientID", "Immunisation_Date", "ChildhoodImmunisation_Type"],
    "CYP601": ["LocalPatientID", "Diagnosis_Scheme", "PreviousDiagnosis", "Diagnosis_Date"],
    "CYP602": ["LocalPatientID", "Disability"],
    "CYP603": ["LocalPatientID", "Result_HearingScreening", "ServiceRequest_Date", "Procedure_Date"],
    "CYP604": ["LocalPatientID", "CardCompletion_Date", "TestResult_ReceivedDate"],
    "CYP605": ["LocalPatientID", "Examination_Date"],
    "CYP606": ["ServiceRequestID", "Diagnosis_Scheme", "ProvisionalDiagnosis", "ProvisionalDiagnosis_Date"],
    "CYP607": ["ServiceRequestID", "Diagnosis_Scheme", "PrimaryDiagnosis", "PrimaryDiagnosis_Date"],
    "CYP608": ["ServiceRequestID", "Diagnosis_Scheme", "SecondaryDiagnosis", "SecondaryDiagnosis_Date"],
    "CYP609": ["ServiceRequestID", "SNOMED_ID", "AssessmentCompletion_Date", "Score"],
    "CYP610": ["CareActivityID"],
    "CYP611": ["CareActivityID"],
    "CYP612": ["CareActivityID", "SNOMED_ID", "Score"],
    "CYP613": ["AssessmentCompletion_Date", "SNOMED_ID", "Score", "Activity_LocationType", "OrgID_Commissioner"],
}

BARRED_NHS = [str(d) * 10 for d in range(10)] + [f"{d}00000000{d}" for d in range(1, 10)]
SNOMED_FORM = "[0-9]{6,18}"
READ_FORM = "[A-Za-z0-9.]{5,7}"


def present(field):
    return {"field": field, "present": True}


def absent(field):
    return {"field": field, "present": False}


def both(scheme, code):
    """Scheme and code go together."""
    return [{"when": [present(scheme)], "then": [present(code)]}, {"when": [present(code)], "then": [present(scheme)]}]


def in_period(lower="$start", upper="$end"):
    return [{"op": "not-before", "other": lower}, {"op": "not-after", "other": upper}]


# Structure of the rules that the facts give in words. A list: all must hold. `grade` overrides the grade of the row.
SPECIAL = {
    "L0456": [{"op": "not-after", "other": "$end"}],
    "L0457": [{"op": "not-after", "other": "$end"}],
    "L0458": [{"op": "not-after", "other": "$created"}],
    "L0459": [{"op": "not-before", "other": "$start"}],
    "L0460": [{"op": "not-before", "other": "CYP101.ReferralRequest_ReceivedDate"}],
    "L0461": [{"op": "not-after", "other": "CYP101.Discharge_Date"}],
    "L0462": [{"op": "not-after", "other": "$created"}],
    "L0463": [{"op": "not-before", "other": "$start"}],
    "L0464": [{"op": "not-before", "other": "CYP101.ReferralRequest_ReceivedDate"}],
    "L0465": [{"op": "not-after", "other": "CYP101.Discharge_Date"}],
    "L0466": [{"kind": "equals", "value": "1.6"}],
    "L0467": [{"kind": "equals", "setting": "provider"}],
    "L0468": [{"kind": "calendar", "day": "first-of-month"}],
    "L0469": [{"kind": "calendar", "day": "last-of-month", "same_month_as": "RP_StartDate"}],
    "L0470": [{"op": "not-before", "other": "RP_EndDate"}],
    "L0471": [{"kind": "check-digit", "algorithm": "modulus-11", "length": 10, "barred": BARRED_NHS}],
    "L0472": [{"kind": "distinct", "by": "LocalPatientID"}],
    "L0473": [{"kind": "implies", "when": [{"field": "NHSNumber_Status", "in": ["07"]}], "then": [absent("NHSNumber")]},
              {"kind": "implies", "when": [absent("NHSNumber")], "then": [present("NHSNumber_Status")]}],
    "L0474": [{"op": "not-after", "other": "$end"},
              {"op": "not-before", "other": "$end", "years": -130, "grade": "WARNING"}],
    "L0475": in_period(),
    "L0476": [{"kind": "pattern", "pattern": r"[A-Za-z]{1,2}\d[A-Za-z\d]?\s+\d[A-Za-z]{2}"}],
    "L0477": [{"op": "not-after", "other": "$end", "days": 1}, {"op": "not-before", "other": "CYP001.DateOfBirth"}],
    "L0478": in_period() + [{"op": "not-before", "other": "GPRegistration_StartDate"},
                            {"kind": "single", "by": ["LocalPatientID"], "when": [absent("GPRegistration_EndDate")]}],
    "L0479": [{"op": "not-after", "other": "$end"}],
    "L0480": [{"op": "not-before", "other": "ReferralRequest_ReceivedDate"}, {"op": "not-before", "other": "$start"},
              {"op": "not-after", "other": "$created"}],
    "L0481": [{"op": "not-after", "other": "$end"}],
    "L0482": in_period(),
    "L0483": [{"kind": "implies", "when": [present("Contact_CancellationDate")],
               "then": [present("Contact_CancellationReason")]}],
    "L0484": [{"kind": "implies", **c} for c in both("Procedure_Scheme", "CodedProcedure")] +
             [{"kind": "implies", "when": [{"field": "Procedure_Scheme", "in": ["06"]}, present("CodedProcedure")],
               "then": [{"field": "CodedProcedure", "matches": SNOMED_FORM}]},
              {"kind": "implies", "when": [{"field": "Procedure_Scheme", "in": ["04", "05"]}, present("CodedProcedure")],
               "then": [{"field": "CodedProcedure", "matches": READ_FORM}]}],
    "L0485": [{"kind": "implies", **c} for c in both("Finding_Scheme", "CodedFinding")],
    "L0486": [{"kind": "implies", **c} for c in both("Observation_Scheme", "CodedObservation")] +
             [{"kind": "implies", "when": [present("ObservationValue")], "then": [present("CodedObservation")]}],
    "L0487": [{"kind": "implies", "when": [present("ObservationValue")], "then": [present("UC_UnitOfMeasurement")]}],
    "L0488": in_period(),
    "L0489": "score", "L0490": "score",
}
# Facts that are slips of their derivation: named here so that none is dropped in silence.
SLIPS = {"L0422": "Length is no organisation; its list holds the default 99.9 only",
         "L0034": "no national list was found for the pilot item, which is held back"}
# Referential rules that a provider-wide table answers.
DATE_KIND = "compare"


def slug(name):
    return name.lower().replace("_", "-")


def short_id(text):
    if len(text) <= 64:
        return text
    return text[:55] + "-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def dump(folder, name, resource, written):
    path = folder / (name + ".json")
    written[path] = (json.dumps(resource, ensure_ascii=False, indent=1) + "\n").encode()


def ext(name, **value):
    return {"url": EXT + name, **value}


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def mark(confidence):
    return "stated" if "stated" in confidence and "inferred" not in confidence.split(";")[0] else "inferred"


def format_spec(text, kind):
    """The published format as lengths and characters; None where the format says nothing that can be checked."""
    text = re.sub(r"\(.*\)", "", text).strip()
    if text.startswith("an10 CCYY"):
        return {"form": "date"}
    if text.startswith("an8 HH"):
        return {"form": "time"}
    if text.startswith("an19"):
        return {"form": "datetime"}
    if text == "See POSTCODE":
        return {"form": "an", "min": 5, "max": 8}
    if text == "See NHS NUMBER STATUS INDICATOR CODE":
        return {"form": "an", "min": 2, "max": 2}
    if text == "See SNOMED CT CODE":
        return {"form": "n", "min": 6, "max": 18}
    m = re.fullmatch(r"(max )?n(\d+)\.(max )?n(\d+)", text)
    if m:
        return {"form": "decimal", "whole": int(m[2]), "fraction": int(m[4])}
    m = re.fullmatch(r"min (an|n)(\d+) max (?:an|n)(\d+)", text)
    if m:
        return {"form": m[1], "min": int(m[2]), "max": int(m[3])}
    m = re.fullmatch(r"max (an|n)(\d+)", text)
    if m:
        return {"form": m[1], "min": 1, "max": int(m[2])}
    m = re.fullmatch(r"(an|n)(\d+)", text)
    if m:
        return {"form": m[1], "min": int(m[2]), "max": int(m[2])}
    raise SystemExit(f"format not understood: {text}")


def score_domains(facts):
    domains = {}
    for row in read(facts / "codes" / "CODED_ASSESSMENT_TOOL_TYPE_SNOMED_CT.partial.csv"):
        text = row["score_domain"]
        m = re.match(r"(\d+)-(\d+), (integer|at most (\d+) decimal)", text)
        if m:
            domains[row["code"]] = {"min": int(m[1]), "max": int(m[2]), "decimals": int(m[4] or 0)}
        elif re.match(r"1 stable", text):
            domains[row["code"]] = {"min": 1, "max": 5, "decimals": 0}
        else:
            raise SystemExit(f"score domain not understood: {text}")
    return domains


def list_of(code_list):
    """Name of the code list file a field is bound to, and whether it only adds defaults to another form."""
    m = re.search(r"defaults in ([A-Z_0-9]+)", code_list)
    if m:
        return m[1], True
    m = re.search(r"\(([A-Z_0-9]+)\)", code_list)
    if m:
        return m[1], False
    return (code_list, False) if re.fullmatch(r"[A-Z_0-9]+", code_list) else (None, False)


def code_lists(facts, out, written):
    for path in sorted((facts / "codes").glob("*.csv")):
        name = path.stem.removesuffix(".partial")
        if name.startswith("DERIVED_"):
            continue
        rows = [r for r in read(path) if r["code"]]
        key = "csds-" + slug(name)
        partial = path.stem.endswith(".partial")
        seen, concepts = set(), []
        for row in rows:
            if row["code"] in seen or row.get("kind") == "?":
                continue
            seen.add(row["code"])
            concept = {"code": row["code"], "display": row["description"]}
            valid = row.get("valid_in_csds", "yes") or "yes"
            properties = [{"code": "status", "valueCode": "active" if valid.startswith(("yes", "unknown")) else "retired"}]
            if row.get("kind"):
                properties.append({"code": "kind", "valueCode": row["kind"]})
            properties.append({"code": "confidence", "valueString": row.get("confidence") or ""})
            if row.get("note"):
                properties.append({"code": "note", "valueString": row["note"]})
            concepts.append({"extension": [], **concept, "property": properties})
            del concepts[-1]["extension"]
        sources = sorted({r["source"].split(" ; ")[0] for r in rows if r.get("source")})
        system = "http://snomed.info/sct" if partial else BASE + "CodeSystem/" + key
        if not partial:
            dump(out, "CodeSystem-" + key, {
                "resourceType": "CodeSystem", "id": short_id(key), "url": system, "version": VERSION,
                "name": re.sub("[^A-Za-z0-9]", "", name.title()), "title": name.replace("_", " "), "status": "active",
                "experimental": False, "date": DATE,
                "description": f"Code list {name} as CSDS v1.6 uses it. Source: " + ("; ".join(sources) or "none found"),
                "caseSensitive": True, "content": "complete" if rows else "fragment",
                "valueSet": BASE + "ValueSet/" + key,
                "property": [
                    {"code": "status", "uri": "http://hl7.org/fhir/concept-properties#status", "type": "code"},
                    {"code": "kind", "description": "national: a code of the list; default: a default code", "type": "code"},
                    {"code": "confidence", "description": "how sure the fact is", "type": "string"},
                    {"code": "note", "type": "string"}],
                **({"concept": concepts} if concepts else {})}, written)
        active = [c for c in concepts if c["property"][0]["valueCode"] == "active"]
        dump(out, "ValueSet-" + key, {
            "resourceType": "ValueSet", "id": short_id(key), "url": BASE + "ValueSet/" + key, "version": VERSION,
            "name": re.sub("[^A-Za-z0-9]", "", name.title()) + "Values", "title": name.replace("_", " "),
            "status": "active", "experimental": False, "date": DATE,
            "description": f"What CSDS v1.6 accepts of {name}" + (" (a part of the list)" if partial else ""),
            **({"compose": {"include": [{"system": system, "concept": [
                {"code": c["code"], "display": c["display"]} for c in active]}]}} if active else {})}, written)


def items(out, written):
    """Our own item codes: what an Observation, an Encounter or a Task is about where SNOMED CT is not used."""
    codes = {
        "education-establishment": "Educational establishment of the patient",
        "first-antenatal-visit": "Health visitor first antenatal visit",
        "looked-after-child": "Looked after child", "safeguarding-vulnerability": "Safeguarding vulnerability factors",
        "constant-supervision": "Constant supervision and care required due to disability",
        "educational-assessment": "Educational assessment outcome",
        "preferred-death-location-discussed": "Preferred death location discussed",
        "risk-of-unexpected-death": "Person at risk of unexpected death",
        "preferred-death-location": "Preferred death location", "actual-death-location": "Actual death location",
        "death-not-at-preferred-location": "Reason why death was not at the preferred location",
        "accommodation-status": "Accommodation status", "employment-status": "Employment status",
        "weekly-hours-worked": "Weekly hours worked", "referral-receipt": "Receipt of a referral",
        "discharge-letter": "Discharge letter", "onward-referral": "Onward referral",
        "special-educational-need": "Special educational need", "disability": "Disability",
        "disability-impact": "Perceived impact of the disability",
        "newborn-hearing-screening": "Newborn hearing screening", "audiology-referral-date": "Date of audiology referral",
        "audiology-procedure-date": "Date of audiology procedure", "audiology-outcome": "Newborn hearing audiology outcome",
        "newborn-blood-spot": "Newborn blood spot screening", "phenylketonuria": "Phenylketonuria",
        "sickle-cell-disease": "Sickle cell disease", "cystic-fibrosis": "Cystic fibrosis",
        "congenital-hypothyroidism": "Congenital hypothyroidism",
        "mcadd": "Medium-chain acyl-CoA dehydrogenase deficiency", "homocystinuria": "Homocystinuria",
        "maple-syrup-urine-disease": "Maple syrup urine disease",
        "glutaric-aciduria-type-1": "Glutaric aciduria type 1", "isovaleric-acidaemia": "Isovaleric acidaemia",
        "infant-physical-examination": "Infant physical examination at six to eight weeks", "hips": "Hips",
        "heart": "Heart", "eyes": "Eyes", "testes": "Testes", "breastfeeding-status": "Breastfeeding status",
        "infant-length": "Length of an infant in centimetres"}
    dump(out, "CodeSystem-community-item", {
        "resourceType": "CodeSystem", "id": "community-item", "url": BASE + "CodeSystem/community-item",
        "version": VERSION, "name": "CommunityItem", "title": "Items of community care data", "status": "active",
        "experimental": False, "date": DATE, "caseSensitive": True, "content": "complete",
        "description": "Our own codes for what a resource is about, used where no SNOMED CT code is agreed.",
        "concept": [{"code": c, "display": d} for c, d in sorted(codes.items())]}, written)


def parameters_of(rule, field, domains):
    """The checks that a rule of the facts stands for: kind and parameters."""
    kind = rule["kind"]
    if rule["local_id"] in SPECIAL:
        special = SPECIAL[rule["local_id"]]
        if special == "score":
            return [{"kind": "domain", "by": "SNOMED_ID", "domains": domains}]
        return [{"kind": DATE_KIND, **s} if "op" in s else s for s in special]
    if kind == "mandatory":
        return [{"kind": "mandatory"}]
    if kind == "format":
        return [{"kind": "format", **format_spec(field["format_length"], field["type"])}]
    if kind == "code_list":
        name, _ = list_of(field["code_list"])
        out = {"kind": "code", "valueSet": BASE + "ValueSet/csds-" + slug(name)}
        if name == "ETHNIC_CATEGORY":
            out["prefix"] = 1  # the second character is for local use
        return [out]
    if kind == "ods":
        return [{"kind": "pattern", "pattern": "[A-Z0-9]{3,12}"}]
    if kind == "referential":
        m = re.search(r"must exist in (CYP\d+\.\w+)", rule["rule"])
        return [{"kind": "parent", "parent": m[1], "optional": "when present" in rule["rule"]}]
    if kind == "unique":
        return [{"kind": "unique"}]
    raise SystemExit(f"rule {rule['local_id']}: kind {kind} not understood")


def told(rule):
    """The rule as a sentence: those of the facts that only name the condition get their field in front."""
    text = rule["rule"]
    if text.startswith("^"):
        return f"{rule['field']} must have the published form {text}"
    return text if rule["field"] in text else f"{rule['field']}: {text}"


def constraint(rule, checks, key, grade):
    national = rule["national_rule_id"]
    sub = [{"url": "kind", "valueCode": checks["kind"]}, {"url": "grade", "valueCode": grade},
           {"url": "confidence", "valueString": rule["confidence"]}, {"url": "mark", "valueCode": mark(rule["confidence"])}]
    if national:
        sub.append({"url": "national-id", "valueString": national})
    rest = {k: v for k, v in checks.items() if k not in ("kind", "grade")}
    if rest:
        sub.append({"url": "parameters", "valueString": json.dumps(rest, separators=(",", ":"))})
    return {"extension": [ext("rule", extension=sub)], "key": key,
            "severity": "warning" if grade == "WARNING" else "error", "human": told(rule)}


def element(table, field, rules, domains):
    uid, mandation = field["ets_uid_v1_5"], field["mandation"]
    removed = field["note"].startswith("removed in v1.6")
    code = {"M": "M", "M?": "M", "R": "R", "O": "O", "P": "P"}.get(mandation, "unknown")
    types = {"date": "date", "time": "time", "datetime": "dateTime", "integer": "integer", "text": "string"}
    name, defaults = list_of(field["code_list"])
    extensions = [ext("mandation", valueCode="removed" if removed else code),
                  ext("mandation-mark", valueCode=mark(field["mandation_confidence"])),
                  ext("format", valueString=field["format_length"])]
    if uid:
        extensions.append(ext("field-uid", valueString=uid))
    extensions.append(ext("confidence", valueString=field["confidence"]))
    out = {"extension": extensions, "id": f"{table['physical_name']}.{field['field']}",
           "path": f"{table['physical_name']}.{field['field']}",
           "short": field["data_dictionary_item"], "definition": field["data_dictionary_item"] +
           (". " + field["note"] if field["note"] else ""),
           "min": 1 if code == "M" and not removed else 0, "max": "0" if removed else "1",
           "type": [{"code": types[field["type"]]}]}
    spec = format_spec(field["format_length"], field["type"])
    if spec.get("max") and field["type"] == "text":
        out["maxLength"] = spec["max"]
    constraints = []
    for rule in rules:
        if rule["local_id"] in SLIPS:
            continue
        checks = parameters_of(rule, field, domains)
        for i, check in enumerate(checks):
            key = rule["local_id"] + (chr(ord("a") + i) if len(checks) > 1 else "")
            constraints.append(constraint(rule, check, key, check.get("grade", rule["severity"])))
    if constraints:
        out["constraint"] = constraints
    if name and not defaults and field["type"] == "text" and name != "ETHNIC_CATEGORY":
        out["type"] = [{"code": "code"}]
    if name and not defaults:
        out["binding"] = {"strength": "preferred" if name == "ETHNIC_CATEGORY" else "required",
                          "valueSet": BASE + "ValueSet/csds-" + slug(name)}
    elif name:
        out["binding"] = {"strength": "example", "description": field["code_list"],
                          "valueSet": BASE + "ValueSet/csds-" + slug(name)}
    return out


def models(facts, out, written):
    fields, rules = read(facts / "fields.csv"), read(facts / "rules_by_field.csv")
    domains = score_domains(facts)
    used = set()
    for table in read(facts / "tables.csv"):
        code, name = table["table_code"], table["physical_name"]
        own = [f for f in fields if f["table_code"] == code]
        key = KEYS.get(code) or [table["primary_key"]]
        url = f"{BASE}StructureDefinition/csds-{VERSION}-{name}"
        root = {"id": name, "path": name, "short": table["data_dictionary_group"], "definition": table["purpose"],
                "min": 0, "max": "*"}
        elements = [root]
        for field in own:
            mine = [r for r in rules if r["table"] == code and r["field"] == field["field"]]
            used.update(r["local_id"] for r in mine)
            elements.append(element(table, field, mine, domains))
        dump(out, f"StructureDefinition-csds-{VERSION}-{name}", {
            "resourceType": "StructureDefinition", "id": short_id(f"csds-{VERSION}-{name}"),
            "extension": [ext("table-code", valueCode=code),
                          ext("key", valueString=",".join(key)),
                          ext("key-mark", valueCode="stated" if table["primary_key"] else "ours"),
                          ext("mandatory", valueBoolean=table["mandatory_in_submission"] == "yes"),
                          ext("multiplicity", valueString=table["multiplicity"]),
                          ext("section", valueString=table["section"]),
                          ext("confidence", valueString=table["confidence"])],
            "url": url, "version": VERSION, "name": name, "title": table["data_dictionary_group"], "status": "active",
            "experimental": False, "date": DATE, "description": table["purpose"], "fhirVersion": "4.0.1",
            "kind": "logical", "abstract": False, "type": url,
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element", "derivation": "specialization",
            "differential": {"element": elements}}, written)
    missing = {r["local_id"] for r in rules} - used
    if missing:
        raise SystemExit(f"rules of no field: {sorted(missing)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=pathlib.Path,
                        default=HERE.parents[2] / "shared" / "national-model" / "csds-1.6")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the outputs differ")
    arguments = parser.parse_args()
    out, written = HERE / VERSION, {}
    code_lists(arguments.facts, out, written)
    items(out, written)
    models(arguments.facts, out, written)
    held = {p: p.read_bytes() for p in out.glob("*.json")} if out.is_dir() else {}
    different = sorted(str(p.name) for p in written.keys() | held.keys() if written.get(p) != held.get(p))
    if arguments.check:
        for name in different:
            print("differs:", name)
        sys.exit(1 if different else 0)
    out.mkdir(exist_ok=True)
    for path in held.keys() - written.keys():
        path.unlink()
    for path, data in written.items():
        path.write_bytes(data)
    print(f"{len(written)} files, {len(different)} changed")


if __name__ == "__main__":
    main()
