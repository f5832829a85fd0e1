#!/usr/bin/env python3
"""Reads every #include of gateway/ and fails where a library uses one that stands below it, where ingest, collection
and deliver use each other, or where a third-party header leaves its fence. Last line: N passed, N failed."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ["base", "fhir", "terminology", "fhirpath", "views", "validation", "transform", "net", "store", "ingest",
         "collection", "deliver", "pipeline", "admin", "simulator", "cli"]
STRANGERS = {"ingest", "collection", "deliver"}
# Which libraries may include a third-party header, by its beginning.
FENCES = {
    "rapidjson/": {"fhir"}, "simdjson": {"fhir"}, "expat": {"fhir"},
    "boost/": {"net"}, "curl/": {"net"},
    "sqlite3": {"store"}, "toml++/": {"cli", "pipeline"}, "CLI/": {"cli"},
    "histedit": {"cli"}, "editline": {"cli"}, "date/": {"base"},
    "re2/": {"fhirpath", "terminology", "collection"},
    "archive": {"terminology", "deliver", "simulator"},
    "openssl/": {"base", "net"}, "xxhash": {"base"}, "zstd": {"terminology", "store"},
    "prometheus/": {"pipeline"}, "spdlog/": {"pipeline"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')

passed, failures = 0, []
for path in sorted((ROOT / "gateway").rglob("*")):
    if path.suffix not in {".h", ".cpp", ".inc"}:
        continue
    relative = path.relative_to(ROOT / "gateway")
    library = relative.parts[0] if len(relative.parts) > 1 else "main"
    problems = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found.group(2)
        where = f"gateway/{relative}:{number}"
        other = name.split("/")[0]
        if found.group(1) == '"' and other in ORDER and "/" in name:
            if library in ORDER and ORDER.index(other) > ORDER.index(library):
                problems.append(f"{where}: {library} stands above {other} and may not include {name}")
            if library in STRANGERS and other in STRANGERS and other != library:
                problems.append(f"{where}: {library} and {other} meet in pipeline only ({name})")
        for beginning, homes in FENCES.items():
            if name.startswith(beginning) and library not in homes:
                problems.append(f"{where}: {name} is fenced in {', '.join(sorted(homes))}")
    if problems:
        failures += problems
    else:
        passed += 1

for failure in failures:
    print(failure)
print(f"{passed} passed, {len(failures)} failed")
sys.exit(1 if failures else 0)
