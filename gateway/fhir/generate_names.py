#!/usr/bin/env python3
"""Writes internal/names.inc: every JSON member name of FHIR R4, from the StructureDefinitions of a definitions package.

Usage: gateway/fhir/generate_names.py PACKAGE_FOLDER > gateway/fhir/internal/names.inc
where PACKAGE_FOLDER is the `package` folder of hl7.fhir.r4.examples@4.0.1 (npm). Run again only for a new FHIR
version: the order of the names decides their ids.
"""
import glob
import json
import os
import sys

# First, in this order: names.h gives these fixed ids. Only append.
FIXED = """resourceType id meta versionId lastUpdated extension url contained reference identifier system value code
coding display text status entry resource fullUrl link relation request response method search mode total type div
profile modifierExtension use period start end subject patient encounter implicitRules language""".split()


def main(folder):
    names = set()
    for path in glob.glob(os.path.join(folder, "StructureDefinition-*.json")):
        with open(path, encoding="utf-8") as file:
            definition = json.load(file)
        if definition.get("derivation") == "constraint":
            continue
        for part in ("snapshot", "differential"):
            for element in definition.get(part, {}).get("element", []):
                path_parts = element["path"].split(".")
                if len(path_parts) < 2:
                    continue
                last = path_parts[-1]
                if not last.endswith("[x]"):
                    names.add(last)
                    continue
                names.add(last[:-3])  # what FHIRPath calls the choice
                for kind in element.get("type", []):
                    code = kind["code"].split("/")[-1]
                    if not code.isalnum():
                        continue  # http://hl7.org/fhirpath/System.String and the like
                    names.add(last[:-3] + code[0].upper() + code[1:])
    # No name of FHIR starts with an underscore: "_name" companions are a bit of the id.
    rest = sorted(names - set(FIXED))
    assert all(name.isascii() and name.isalnum() and len(name) < 64 for name in rest + FIXED)
    print("// Made by generate_names.py from the FHIR R4 (4.0.1) StructureDefinitions; do not edit.")
    for name in FIXED + rest:
        print(f'"{name}",')


main(sys.argv[1])
