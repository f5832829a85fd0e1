"""Builds the NDJSON that a benchmark reads: prepare.py KIND OUT SOURCE...

  examples OUT PACKAGE-FOLDER COUNT        Patient, Observation and Encounter examples, cycled to COUNT lines
  patients OUT PACKAGE-FOLDER COUNT        Patient examples only, cycled, ids made distinct
  population OUT SYNTHEA-FHIR-FOLDER COUNT Patients, Observations and Encounters of a population, all distinct
  replicate OUT SYNTHEA-FHIR-FOLDER COUNT  its Patients, replicated to COUNT with distinct ids
"""
import glob
import itertools
import json
import os
import sys

TYPES = ("Patient", "Observation", "Encounter")


def minified(path):
    # Written by hand since json.dumps would rewrite decimals such as 6.30.
    text = open(path, encoding="utf-8").read()
    out, in_string, escaped = [], False, False
    for c in text:
        if in_string:
            out.append(c)
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c not in " \t\r\n":
            out.append(c)
            in_string = c == '"'
    return "".join(out)


def example_files(folder, types):
    return [f for t in types for f in sorted(glob.glob(os.path.join(folder, t + "-*.json")))]


def with_id(line, number):
    """The line with its resource's id made distinct: the first "id" member behind resourceType."""
    resource = json.loads(line)
    old = '"id":"%s"' % resource["id"]
    return line.replace(old, '"id":"%s"' % ("%012x-%s" % (number, resource["id"]))[:64], 1)


def main():
    kind, out, source, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if kind in ("examples", "patients"):
        lines = [minified(f) for f in example_files(source, TYPES if kind == "examples" else ("Patient",))]
        lines = [l for l in lines if json.loads(l)["resourceType"] in TYPES]
    elif kind == "population":
        lines = []
        share = {"Patient": count, "Observation": count // 2, "Encounter": count // 2}
        for t in TYPES:
            mine = open(os.path.join(source, t + ".ndjson"), encoding="utf-8").read().splitlines()
            step = max(1, len(mine) // max(1, share[t]))
            lines += mine[::step][:share[t]]
        count = len(lines)
    else:
        lines = open(os.path.join(source, "Patient.ndjson"), encoding="utf-8").read().splitlines()
    temporary = out + ".part"
    with open(temporary, "w", encoding="utf-8") as f:
        for i, line in enumerate(itertools.islice(itertools.cycle(lines), count)):
            f.write((with_id(line, i) if kind in ("patients", "replicate") else line) + "\n")
    os.replace(temporary, out)


main()
