"""The columns of a collection's logical models as lines TABLE<TAB>COLUMN<TAB>TYPE<TAB>LENGTH, for make-template."""
import json
import pathlib
import sys

TYPES = {"date": "date", "time": "date", "dateTime": "date", "instant": "date", "integer": "number", "decimal": "decimal",
         "positiveInt": "number", "unsignedInt": "number", "boolean": "yesno"}

for path in sorted(pathlib.Path(sys.argv[1]).glob("StructureDefinition-*.json")):
    model = json.loads(path.read_text(encoding="utf-8"))
    if model.get("kind") != "logical":
        continue
    table = model["name"]
    for element in model["differential"]["element"][1:]:
        kind = TYPES.get(element["type"][0]["code"], "text")
        length = element.get("maxLength", 255)
        if kind == "text" and length > 255:
            kind = "memo"
        print(table, element["path"].split(".", 1)[1], kind, length, sep="\t")
