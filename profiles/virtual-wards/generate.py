#!/usr/bin/env python3
"""Makes the logical models and code lists of the virtual-ward collection 0.1.

    profiles/virtual-wards/generate.py [--check]

The national Virtual Wards Minimum Data Set is not public. Everything here is our own reading, marked `assumed`, but for the names
and the grain of the sitrep table, which NHS England's published code shows (`stated`). Outputs (profiles/virtual-wards/0.1/*.json)
are checked in; --check only compares. Same source, same bytes.
"""
import argparse
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
BASE = "https://tributary.health/fhir/"
EXT = BASE + "StructureDefinition/collection-"
VERSION, DATE = "0.1", "2026-11-25"
SNOMED = "http://snomed.info/sct"
ASSUMED = "ASSUMED: the national Virtual Wards Minimum Data Set is not public. This is Tributary's own model and no national one. "
SITREP = ("Names, types and grain as in NHS England's published code (view vw_VirtualWards_Sitrep): stated. "
          "Rules, code lists and key: assumed or inferred, as each says. ")
BARRED = [str(d) * 10 for d in range(10)] + [f"{d}00000000{d}" for d in range(1, 10)]

# ---- code lists: name -> (title, system or None for our own, {code: display})
LISTS = {
    "virtual-ward-type": ("Type of virtual ward", None, {"virtual-ward": "Virtual ward", "hospital-at-home": "Hospital at home"}),
    "virtual-ward-pathway": ("Pathway (diagnosis cohort) of a virtual ward", None, {
        "frailty": "Frailty", "ari": "Acute respiratory infection", "heart-failure": "Heart failure", "other": "Other"}),
    "virtual-ward-admission-type": ("Kind of admission to a virtual ward", None, {
        "step-up": "Step up: instead of admission to hospital", "step-down": "Step down: early discharge from hospital"}),
    "virtual-ward-stay-status": ("Where a stay stands", None, {"active": "On the ward", "on-leave": "On leave", "ended": "Ended"}),
    "virtual-ward-stay-class": ("Encounter classes that a stay may have", "http://terminology.hl7.org/CodeSystem/v3-ActCode", {
        "HH": "home health", "VR": "virtual"}),
    "virtual-ward-stay-type": ("Encounter types that say that it is a virtual ward stay", BASE + "CodeSystem/community-item", {
        "virtual-ward-stay": "Virtual ward stay"}),
    "virtual-ward-episode-type": ("EpisodeOfCare types that say that it is a virtual ward stay", BASE + "CodeSystem/community-item", {
        "virtual-ward-stay": "Virtual ward stay"}),
    "virtual-ward-observation": ("What is observed on a virtual ward", None, {
        "respiratory-rate": "Respiratory rate", "oxygen-saturation": "Oxygen saturation", "breathing-air": "Breathing room air",
        "systolic-pressure": "Systolic arterial pressure", "diastolic-pressure": "Diastolic arterial pressure", "pulse": "Pulse or heart rate",
        "consciousness": "Level of consciousness (ACVPU)", "temperature": "Body temperature"}),
    "virtual-ward-observation-agreed": ("SNOMED CT codes of observations on which the sources agree", SNOMED, {
        "86290005": "Respiratory rate", "103228002": "Hemoglobin saturation with oxygen", "722742002": "Breathing room air",
        "72313002": "Systolic arterial pressure", "271649006": "Systolic blood pressure", "1091811000000102": "Diastolic arterial pressure",
        "271650006": "Diastolic blood pressure", "78564009": "Pulse rate", "364075005": "Heart rate",
        "1104441000000107": "ACVPU scale", "276885007": "Core body temperature", "386725007": "Body temperature"}),
    "virtual-ward-consciousness": ("Levels of the ACVPU scale", SNOMED, {
        "248234008": "Mentally alert", "130987000": "Acute confusion", "300202002": "Responds to voice", "450847001": "Responds to pain",
        "422768004": "Unresponsive"}),
    "virtual-ward-unit": ("UCUM units of observations", "http://unitsofmeasure.org", {
        "/min": "per minute", "{beats}/min": "beats per minute", "{Breaths}/min": "breaths per minute", "%": "percent",
        "mm[Hg]": "millimetre of mercury", "Cel": "degree Celsius"}),
    "virtual-ward-gender": ("Person stated gender", None, {
        "1": "Male", "2": "Female", "9": "Indeterminate", "X": "Not known"}),
    "virtual-ward-yes-no": ("Yes or no", None, {"Y": "Yes", "N": "No"}),
}

# ---- rules beyond the usual ones (mandatory, format, code), in short
def rule(kind, grade, text, mark="assumed", **parameters):
    return {"kind": kind, "grade": grade, "text": text, "mark": mark, "parameters": parameters}


def parent(of, text, optional=False):
    return rule("parent", "REJECT_RECORD", text, parent=of, optional=optional)


def unique(text):
    return rule("unique", "REJECT_RECORD", text)


def not_before(other, text, grade="REJECT_RECORD"):
    return rule("compare", grade, text, op="not-before", other=other)


def only_with(field, other, text):
    """`other` must be filled where `field` is."""
    return rule("implies", "WARNING", text, when=[{"field": field, "present": True}], then=[{"field": other, "present": True}])


def score(name, most, title):
    return (name, title, "score", "R", None, [rule("range", "REJECT_RECORD", f"{name} must be from 0 to {most}", min=0, max=most)])


PATIENT = ("LocalPatientID", "Patient identifier of the provider", "=an 1 20", "M", None)
NEEDED = ("LocalPatientID", "Patient identifier of the provider", "=an 1 20", "M", None, [
    rule("mandatory", "REJECT_RECORD", "LocalPatientID must not be blank: the patient is not held")])
STAY_OF = parent("VWD020.Stay_ID", "Stay_ID must be that of a row of VWD020Stay")
PARTS = ["Respiration", "Oxygen_Scale1", "Oxygen_Scale2", "Air_Or_Oxygen", "Systolic", "Pulse", "Consciousness", "Temperature"]

# code, name, title, purpose, key, mandatory, fields: (name, title, format, mandation, code list, rules). A format that begins
# with "=" is kept by the mapping itself (an identifier that is always there, a code that comes from a map): no rule could break.
TABLES = [
    ("VWD000", "VWD000Header", "Header", "One row a submission", "OrgID_Provider", True, [
        ("Version", "Version of this model", "=an 1 10", "M", None, []),
        ("Model_Status", "Standing of this model", "=an 1 20", "M", None, []),
        ("OrgID_Provider", "ODS code of the provider", "=ods", "M", None, []),
        ("OrgID_Submitter", "ODS code of who submits", "=ods", "M", None, []),
        ("RP_StartDate", "First day of the reporting period", "=date", "M", None, []),
        ("RP_EndDate", "Last day of the reporting period", "=date", "M", None,
         [not_before("RP_StartDate", "RP_EndDate must not be before RP_StartDate", "REJECT_FILE")]),
        ("FileCreation_DateTime", "When the file was made", "=datetime", "M", None, []),
        ("PrimarySystem", "Name of the source system", "=an 1 20", "R", None, [])]),
    ("VWD001", "VWD001Ward", "Virtual ward", "One row a ward", "Ward_ID", False, [
        ("Ward_ID", "Ward identifier of the provider", "=an 1 20", "M", None, [unique("Ward_ID must be unique in VWD001Ward")]),
        ("Ward_Name", "Name of the ward", "an 1 100", "R", None, []),
        ("Ward_Type", "Type of the ward", "code", "M", "virtual-ward-type", []),
        ("Pathway", "Pathway (diagnosis cohort) of the ward", "code", "M", "virtual-ward-pathway", []),
        ("OrgID_Provider", "ODS code of who runs the ward", "ods", "R", None, []),
        ("Site_ID", "ODS site code of the ward's base", "ods", "O", None, [])]),
    ("VWD002", "VWD002WardCapacity", "Capacity of a virtual ward", "One row a period with one number of beds",
     "Ward_ID,Capacity_StartDate", False, [
        ("Ward_ID", "Ward identifier", "=an 1 20", "M", None,
         [parent("VWD001.Ward_ID", "Ward_ID must be that of a row of VWD001Ward"),
          unique("A ward has one capacity from a date on"),
          rule("single", "WARNING", "A ward has at most one capacity without an end", by=["Ward_ID"],
               when=[{"field": "Capacity_EndDate", "present": False}])]),
        ("Capacity", "Virtual ward beds", "n 1 4", "M", None, []),
        ("Capacity_StartDate", "First day", "date", "M", None, []),
        ("Capacity_EndDate", "Last day", "date", "O", None,
         [not_before("Capacity_StartDate", "Capacity_EndDate must not be before Capacity_StartDate")])]),
    ("VWD010", "VWD010Patient", "Patient", "One row a patient with a stay", "LocalPatientID", False, [
        NEEDED,
        ("NHSNumber", "NHS number", "an 1 10", "R", None, [
            rule("check-digit", "REJECT_RECORD", "NHSNumber must be a valid NHS number (modulus 11), none of the barred values",
                 algorithm="modulus-11", length=10, barred=BARRED)]),
        ("BirthDate", "Date of birth", "date", "R", None, [
            rule("compare", "REJECT_RECORD", "BirthDate must not be after the end of the reporting period", op="not-after", other="$end")]),
        ("DeathDate", "Date of death", "date", "O", None, [not_before("BirthDate", "DeathDate must not be before BirthDate")]),
        ("Gender", "Person stated gender", "=code", "R", "virtual-ward-gender", []),
        ("Postcode", "Postcode of usual address", "postcode", "R", None, []),
        ("EthnicCategory", "Ethnic category", "an 1 2", "R", None, []),
        ("OrgID_GP", "ODS code of the GP practice", "ods", "R", None, [])]),
    ("VWD020", "VWD020Stay", "Stay", "One row a stay on virtual wards, from admission to discharge", "Stay_ID", False, [
        ("Stay_ID", "Stay identifier of the provider", "=an 1 20", "M", None, [unique("Stay_ID must be unique in VWD020Stay")]),
        NEEDED[:5] + (NEEDED[5] + [parent("VWD010.LocalPatientID", "LocalPatientID must be that of a row of VWD010Patient")],),
        ("Referral_ID", "Referral that led to the stay", "=an 1 20", "O", None, []),
        ("Stay_Status", "Where the stay stands", "=code", "M", "virtual-ward-stay-status", [
            rule("mandatory", "REJECT_RECORD", "Stay_Status must not be blank: the status of the record is none of a stay")]),
        ("Admission_DateTime", "Start of the stay", "datetime", "M", None, [
            rule("compare", "REJECT_RECORD", "Admission_DateTime must not be after the end of the reporting period", op="not-after", other="$end")]),
        ("Discharge_DateTime", "End of the stay", "datetime", "R", None, [
            not_before("Admission_DateTime", "Discharge_DateTime must not be before Admission_DateTime"),
            rule("implies", "WARNING", "An ended stay has a Discharge_DateTime", when=[{"field": "Stay_Status", "in": ["ended"]}],
                 then=[{"field": "Discharge_DateTime", "present": True}]),
            rule("implies", "WARNING", "A stay with a Discharge_DateTime is ended", when=[{"field": "Discharge_DateTime", "present": True}],
                 then=[{"field": "Stay_Status", "in": ["ended"]}])]),
        ("Admission_Type", "Step-up or step-down", "=code", "R", "virtual-ward-admission-type", [
            rule("implies", "WARNING", "Admission_Type says step-up or step-down",
                 when=[{"field": "Stay_ID", "present": True}], then=[{"field": "Admission_Type", "present": True}])]),
        ("Technology_Enabled", "Is the patient monitored by technology", "=code", "R", "virtual-ward-yes-no", [
            rule("implies", "WARNING", "Technology_Enabled says Y or N",
                 when=[{"field": "Stay_ID", "present": True}], then=[{"field": "Technology_Enabled", "present": True}])]),
        ("Pathway", "Pathway of the stay", "=code", "R", "virtual-ward-pathway", []),
        ("Source_Of_Admission", "Where the patient came from (UK Core code)", "an 1 2", "R", None, []),
        ("Discharge_Destination", "Where the patient went (UK Core code)", "an 1 2", "R", None, []),
        ("Stay_Class", "Encounter class of the record", "=an 1 10", "O", None, []),
        ("OrgID_Provider", "ODS code of the provider", "ods", "R", None, [])]),
    ("VWD021", "VWD021WardStay", "Time on one ward", "One row for each ward of a stay", "Stay_ID,Ward_ID,Start_DateTime", False, [
        ("Stay_ID", "Stay identifier", "=an 1 20", "M", None, [
            STAY_OF, unique("A stay is on a ward once from one moment on"),
            rule("single", "WARNING", "A stay is on one ward at a time: only one row without End_DateTime", by=["Stay_ID"],
                 when=[{"field": "End_DateTime", "present": False}])]),
        ("Ward_ID", "Ward identifier", "=an 1 20", "M", None, [
            rule("mandatory", "REJECT_RECORD", "Ward_ID must not be blank: the stay names a place and nobody can tell which"),
            parent("VWD001.Ward_ID", "Ward_ID must be that of a row of VWD001Ward")]),
        PATIENT + ([],),
        ("Start_DateTime", "From when on this ward", "datetime", "M", None, [
            not_before("VWD020.Admission_DateTime", "Start_DateTime must not be before the admission", "WARNING")]),
        ("End_DateTime", "Until when on this ward", "datetime", "O", None, [
            not_before("Start_DateTime", "End_DateTime must not be before Start_DateTime"),
            rule("compare", "WARNING", "End_DateTime must not be after the discharge", op="not-after", other="VWD020.Discharge_DateTime")])]),
    ("VWD030", "VWD030Observation", "Observation", "One row a reading during a stay", "Observation_ID,Observation_Type", False, [
        ("Observation_ID", "Observation identifier", "=an 1 64", "M", None, [unique("An observation tells one thing once")]),
        ("Stay_ID", "Stay identifier", "=an 1 20", "R", None,
         [parent("VWD020.Stay_ID", "Stay_ID must be that of a row of VWD020Stay", True),
          rule("implies", "WARNING", "An observation names its stay", when=[{"field": "Observation_ID", "present": True}],
               then=[{"field": "Stay_ID", "present": True}])]),
        PATIENT + ([],),
        ("Observation_DateTime", "When it was taken", "datetime", "M", None, [
            not_before("VWD020.Admission_DateTime", "Observation_DateTime must not be before the admission", "WARNING")]),
        ("Observation_Type", "What was observed", "=code", "M", "virtual-ward-observation", []),
        ("SNOMED_Code", "SNOMED CT code of the record", "=an 6 18", "M", None, [
            rule("code", "WARNING", "SNOMED_Code is one on which NHS England's sources agree; this one was translated", "inferred",
                 valueSet=BASE + "ValueSet/virtual-ward-observation-agreed")]),
        ("Value", "Number, or true or false", "an 1 20", "R", None, [
            rule("implies", "REJECT_RECORD", "An observation has a Value or a Value_Code", when=[{"field": "Value", "present": False}],
                 then=[{"field": "Value_Code", "present": True}])]),
        ("Unit", "UCUM unit", "code", "R", "virtual-ward-unit", [
            rule("implies", "WARNING", "A number has a Unit", when=[{"field": "Value", "matches": "[0-9.]+"}],
                 then=[{"field": "Unit", "present": True}])]),
        ("Value_Code", "SNOMED CT code of the value", "code", "R", "virtual-ward-consciousness", [])]),
    ("VWD031", "VWD031NEWS2", "NEWS2", "One row a National Early Warning Score (NEWS2) during a stay", "NEWS2_ID", False, [
        ("NEWS2_ID", "Identifier of the total score's observation", "=an 1 64", "M", None, []),
        ("Stay_ID", "Stay identifier", "=an 1 20", "R", None,
         [parent("VWD020.Stay_ID", "Stay_ID must be that of a row of VWD020Stay", True),
          rule("implies", "WARNING", "A NEWS2 score names its stay", when=[{"field": "NEWS2_ID", "present": True}],
               then=[{"field": "Stay_ID", "present": True}])]),
        PATIENT + ([],),
        ("NEWS2_DateTime", "When it was scored", "datetime", "M", None, [
            not_before("VWD020.Admission_DateTime", "NEWS2_DateTime must not be before the admission", "WARNING")]),
        ("Total", "Total score", "score", "M", None, [
            rule("range", "REJECT_RECORD", "Total must be from 0 to 20", "stated", min=0, max=20),
            # Whole when all seven parts are there: either oxygen scale.
            rule("sum", "REJECT_RECORD", "Total must be the sum of the seven sub-scores (scale 1)", of=PARTS,
                 when=[{"field": p, "present": p != "Oxygen_Scale2"} for p in PARTS]),
            rule("sum", "REJECT_RECORD", "Total must be the sum of the seven sub-scores (scale 2)", of=PARTS,
                 when=[{"field": p, "present": p != "Oxygen_Scale1"} for p in PARTS])]),
        score("Respiration", 3, "Respiration sub-score"),
        score("Oxygen_Scale1", 3, "Oxygen saturation sub-score, scale 1"),
        score("Oxygen_Scale2", 3, "Oxygen saturation sub-score, scale 2 (hypercapnic respiratory failure)")[:5] + ([
            rule("range", "REJECT_RECORD", "Oxygen_Scale2 must be from 0 to 3", min=0, max=3),
            rule("implies", "WARNING", "Only one oxygen scale is scored", when=[{"field": "Oxygen_Scale2", "present": True}],
                 then=[{"field": "Oxygen_Scale1", "present": False}])],),
        score("Air_Or_Oxygen", 2, "Air or oxygen sub-score"),
        score("Systolic", 3, "Systolic blood pressure sub-score"),
        score("Pulse", 3, "Pulse sub-score"),
        score("Consciousness", 3, "Consciousness sub-score"),
        score("Temperature", 3, "Temperature sub-score")]),
    ("VWS001", "VWS001Sitrep", "Virtual ward sitrep (aggregate)",
     "One row a provider, ward type, diagnosis cohort and period: capacity, and patients on the ward at the census",
     "Period_End,organisation_code,ward_type,diagnosis_cohort_id", False, [
        ("Submission", "Submission number", "=n 1 6", "M", None, []),
        ("Period_Start", "Start of the reporting period", "=datetime", "M", None, []),
        ("Period_End", "End of the reporting period", "=datetime", "M", None, []),
        ("organisation_code", "ODS code of the submitting provider", "=ods", "M", None, []),
        ("organisation_name", "Name of the provider", "=an 1 100", "R", None, []),
        ("ICB_Code", "ODS code of the Integrated Care Board", "=ods", "R", None, []),
        ("ICB_ONS_Code", "ONS code of the Integrated Care Board", "=ons", "R", None, []),
        ("ICB_Name", "Name of the Integrated Care Board", "=an 1 100", "R", None, []),
        ("Region_Code", "ODS code of the NHS England region", "=ods", "R", None, []),
        ("Region_Name", "Name of the region", "=an 1 100", "R", None, []),
        ("ward_type", "Type of virtual ward", "=code", "M", "virtual-ward-type", []),
        ("diagnosis_cohort_id", "Pathway or diagnosis cohort", "=code", "M", "virtual-ward-pathway", []),
        ("current_capacity", "Virtual ward beds", "=n 1 6", "M", None, []),
        ("total_number_of_patients_on_ward", "Patients on the ward at the census", "=n 1 6", "M", None, [
            rule("at-most", "WARNING", "Occupancy is over 100 %: more patients on the ward than beds", "inferred", other="current_capacity")])]),
]

FORMATS = {
    "date": ("date", {"form": "date"}, "date, CCYY-MM-DD"), "datetime": ("dateTime", {"form": "datetime"}, "date and time, CCYY-MM-DDThh:mm:ss"),
    "score": ("integer", {"form": "n", "min": 1, "max": 2}, "whole number"),
}
PATTERNS = {"ods": "[A-Z0-9]{3,12}", "ons": "E[0-9]{8}",
            "postcode": "[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"}


def ext(name, **value):
    return {"url": EXT + name, **value}


def constraint(key, spec):
    inner = [{"url": "kind", "valueCode": spec["kind"]}, {"url": "grade", "valueCode": spec["grade"]},
             {"url": "confidence", "valueString": spec["mark"]}, {"url": "mark", "valueCode": spec["mark"]}]
    if spec["parameters"]:
        inner.append({"url": "parameters", "valueString": json.dumps(spec["parameters"], separators=(",", ":"))})
    return {"extension": [ext("rule", extension=inner)], "key": key, "severity": "warning" if spec["grade"] == "WARNING" else "error",
            "human": spec["text"]}


def usual(table, name, form, mandation, codes):
    """Mandatory, format and code rules that each field has."""
    grade = "REJECT_FILE" if table == "VWD000" else "REJECT_RECORD"
    out = []
    if form.startswith("="):
        return out
    if mandation == "M":
        out.append(rule("mandatory", grade, f"{name} must not be blank"))
    if form in FORMATS:
        out.append(rule("format", grade, f"{name} must be a {FORMATS[form][2]}", **FORMATS[form][1]))
    elif form in PATTERNS:
        out.append(rule("pattern", grade if mandation == "M" else "WARNING", f"{name} must have the form {PATTERNS[form]}", pattern=PATTERNS[form]))
    elif form != "code":
        kind, least, most = form.split()
        what = f"{least} to {most} " + ("digits" if kind == "n" else "characters")
        out.append(rule("format", grade, f"{name} must have {what}", form=kind, min=int(least), max=int(most)))
    if codes:
        out.append(rule("code", grade if mandation == "M" else "WARNING", f"{name} must be a code of {codes}",
                        valueSet=BASE + "ValueSet/" + codes))
    return out


def element(code, table, index, field):
    name, title, form, mandation, codes, extra = field
    mark = "stated" if code == "VWS001" else "assumed"
    rules = usual(code, name, form, mandation, codes) + extra
    form = form.removeprefix("=")
    kind = "code" if form == "code" else FORMATS[form][0] if form in FORMATS else "integer" if form.startswith("n ") else "string"
    shown = FORMATS[form][2] if form in FORMATS else PATTERNS.get(form, "code" if form == "code" else form.replace(" ", "", 1).replace(" ", "-"))
    out = {"extension": [ext("mandation", valueCode=mandation), ext("mandation-mark", valueCode="assumed"), ext("format", valueString=shown),
                         ext("confidence", valueString=mark + (" (name and type); mandation and format assumed" if mark == "stated" else ""))],
           "id": f"{table}.{name}", "path": f"{table}.{name}", "short": title, "definition": title, "min": 1 if mandation == "M" else 0,
           "max": "1", "type": [{"code": kind}]}
    if rules:
        out["constraint"] = [constraint(f"{code}-{index:02d}{chr(ord('a') + i)}", r) for i, r in enumerate(rules)]
    if codes:
        out["binding"] = {"strength": "required", "valueSet": BASE + "ValueSet/" + codes}
    return out


def model(table):
    code, name, title, purpose, key, mandatory, fields = table
    note = SITREP if code == "VWS001" else ASSUMED
    ident = f"virtual-wards-{VERSION}-{name}"
    title += " (names stated, rules assumed)" if code == "VWS001" else " (assumed)"
    root = {"id": name, "path": name, "short": title, "definition": note + purpose, "min": 0, "max": "*"}
    return f"StructureDefinition-{ident}", {
        "resourceType": "StructureDefinition", "id": ident + ("-assumed" if code != "VWS001" else ""),
        "extension": [ext("table-code", valueCode=code), ext("key", valueString=key), ext("key-mark", valueCode="assumed"),
                      ext("mandatory", valueBoolean=mandatory), ext("confidence", valueString=note.strip())],
        "url": BASE + "StructureDefinition/" + ident, "version": VERSION, "name": name, "title": title, "status": "draft", "experimental": True,
        "date": DATE, "description": note + purpose + ".", "fhirVersion": "4.0.1", "kind": "logical", "abstract": False,
        "type": BASE + "StructureDefinition/" + ident, "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Element",
        "derivation": "specialization",
        "differential": {"element": [root] + [element(code, name, i, f) for i, f in enumerate(fields, 1)]}}


def code_list(name, title, system, codes):
    camel = re.sub("[^A-Za-z]", "", name.title())
    head = {"version": VERSION, "status": "draft", "experimental": True, "date": DATE}
    own = system is None
    if own:
        system = BASE + "CodeSystem/" + name
        yield f"CodeSystem-{name}", {
            "resourceType": "CodeSystem", "id": name, "url": system, **head, "name": camel, "title": title + " (assumed)",
            "description": "Assumed: no national code list of this is public. Tributary's own codes.", "caseSensitive": True,
            "content": "complete", "concept": [{"code": c, "display": d} for c, d in codes.items()]}
    yield f"ValueSet-{name}", {
        "resourceType": "ValueSet", "id": name, "url": BASE + "ValueSet/" + name, **head, "name": camel + "Values",
        "title": title + " (assumed)", "description": "Assumed. A provider whose records use other codes adds them here; no release is needed.",
        "compose": {"include": [{"system": system, "concept": [{"code": c, "display": d} for c, d in codes.items()]}]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the outputs differ")
    arguments = parser.parse_args()
    files = dict(model(table) for table in TABLES)
    location = {"location-type": ("Type of a Location", None, {"virtual-ward": "Virtual ward"})}
    for name, (title, system, codes) in (LISTS | location).items():
        files.update(code_list(name, title, system, codes))
    out = HERE / VERSION
    out.mkdir(exist_ok=True)
    written = {out / (name + ".json"): (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode() for name, body in files.items()}
    held = {p: p.read_bytes() for p in out.glob("*.json")}
    different = sorted(p.name for p in written.keys() | held.keys() if written.get(p) != held.get(p))
    if arguments.check:
        for name in different:
            print("differs:", name)
        sys.exit(1 if different else 0)
    for path in held.keys() - written.keys():
        path.unlink()
    for path, data in written.items():
        path.write_bytes(data)
    print(f"{len(written)} files, {len(different)} changed")


if __name__ == "__main__":
    main()
