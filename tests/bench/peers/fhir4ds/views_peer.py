"""PyPI fhir4ds-v2 on the same view; the output is described in peers/README.md.

views_peer.py VIEW.json NDJSON ROWS-OUT
"""
import json
import sys
import time

import fhir4ds

view_file, ndjson, out = sys.argv[1:4]
view = json.load(open(view_file))
view.pop("resourceType")  # as fhir4ds wants it
connection = fhir4ds.create_connection()
connection.execute("SET threads=1")
sql = fhir4ds.generate_view_sql(json.dumps(view))

start = time.perf_counter()
connection.execute(
    "CREATE TABLE resources AS SELECT json_extract_string(json, '$.id') AS id, "
    "json_extract_string(json, '$.resourceType') AS resourceType, json AS resource "
    "FROM read_ndjson_objects('%s')" % ndjson.replace("'", "''"))
loaded = time.perf_counter() - start
count = connection.execute("SELECT count(*) FROM resources").fetchone()[0]

queried = float("inf")
for _ in range(3):  # the best of three, as everywhere
    start = time.perf_counter()
    table = connection.execute(sql).arrow()
    if hasattr(table, "read_all"):
        table = table.read_all()
    queried = min(queried, time.perf_counter() - start)

with open(out, "w", encoding="utf-8") as f:
    for row in zip(*(column.to_pylist() for column in table.columns)):
        f.write(json.dumps(["" if v is None else str(v) for v in row], separators=(",", ":"), ensure_ascii=False) + "\n")
print("views\t%d\t%.3f\t%.3f\t%d" % (count, queried, loaded, table.num_rows))
