#!/usr/bin/env python3
"""A Synthea population through all stages. What it gives of national rows is little (foreign profiles and codes): what counts is
that each resource is taken, has one fate with a reason, and that nothing falls over."""
import argparse
import collections
import csv
import io
import json
import pathlib
import signal
import subprocess
import sys
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from peer import account_for, http, journal_counts, wait_for  # noqa: E402
from world import Checks, World, closing  # noqa: E402


def delivered(world):
    """Rows in the files of the folder by table: upserts less deletes, without the header."""
    rows = collections.Counter()
    for path in sorted((world.folder / "out").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                table = name.removesuffix(".csv")
                if name.endswith(".csv") and not table.startswith("CYP000"):
                    count = len(list(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))) - 1
                    rows[table.removesuffix("_deleted")] += -count if table.endswith("_deleted") else count
    return {table: count for table, count in rows.items() if count}


def outcome(checks, world, name, account, code):
    """The checks that each run ends with; the reconciliation."""
    counts = closing(account)
    print(account.strip().splitlines()[-1], flush=True)
    checks.equal(code, 0, f"{name}: exit code" + ("" if code == 0 else account[-1500:]))
    checks.equal(counts.get("unaccounted"), 0, f"{name}: unaccounted")
    checks.equal(counts.get("rejected"), 0, f"{name}: rejected rows")
    checks.equal(counts.get("accepted"), counts.get("rows"), f"{name}: rows and accepted rows")
    reconciliation = account_for(checks, world, name)
    source = next(iter(reconciliation["sources"].values()))
    print(f"{name}: " + ", ".join(f"{source[key]} {key}" for key in ("delivered", "filtered", "quarantined", "waiting", "rejected")), flush=True)
    return reconciliation, source


def bulk(binary, checks, folder):
    """Bulk NDJSON through the watched folder; lines, journal and account agree type by type. Given twice, nothing changes."""
    lines = collections.Counter()
    world = World(binary, patients=None, source="files", destination="folder")
    try:
        files = sorted(folder.glob("*.ndjson"))
        distinct = collections.defaultdict(set)
        for path in files:
            text = path.read_text()
            for line in text.splitlines():
                if line.strip():
                    resource = json.loads(line)
                    lines[resource["resourceType"]] += 1
                    distinct[resource["resourceType"]].add(resource["id"])
            world.drop_file(path.name, text)
        checks.check(len(files) >= 15 and sum(lines.values()) > 1000, f"bulk: Synthea gave {len(files)} files, {sum(lines.values())} resources")
        begin = time.time()
        gateway = world.start_gateway("--until-drained", "--journal-only")
        gateway.communicate(timeout=120)
        checks.equal(gateway.returncode, 0, "bulk: journal only: exit code")
        account, code = world.run_until_drained(240)
        print(f"bulk: {sum(lines.values())} resources of {len(lines)} types in {time.time() - begin:.1f} s", flush=True)
        reconciliation, source = outcome(checks, world, "bulk", account, code)
        checks.equal(source["received"], sum(lines.values()), "bulk: resources received and lines of the files")
        checks.equal(source["rejected"], 0, "bulk: refused resources")
        checks.equal(journal_counts(world), {kind: len(ids) for kind, ids in distinct.items()}, "bulk: resources by type in the journal and in the files")
        checks.check(source["filtered"] > 0 and reconciliation["filteredByRule"], "bulk: nothing is said of what the collection does not use")
        rows = {name.rsplit("/", 1)[-1]: count for name, count in reconciliation["rowsByTable"].items() if count}
        checks.equal(delivered(world), rows, "bulk: rows in the files and in the ledger, by table")
        checks.equal(sorted(p.name for p in (world.drop / "done").iterdir()), [p.name for p in files], "bulk: files done")
        for path in files:
            world.drop_file("again-" + path.name, path.read_text())
        account, code = world.run_until_drained(240)
        again, source = outcome(checks, world, "bulk again", account, code)
        checks.equal(source["duplicates"], sum(lines.values()), "bulk again: duplicates")
        checks.equal(again["rowsByTable"], reconciliation["rowsByTable"], "bulk again: rows")
        log = (world.folder / "gateway.log").read_text(errors="replace")
        for line in (folder / "Patient.ndjson").read_text().splitlines()[:20]:
            name = json.loads(line)["name"][0]["family"]
            checks.check(name not in log, "bulk: the log shows a patient's name")
    finally:
        world.close()


def transactions(binary, checks, folder):
    """Two patients' transaction Bundles (urn:uuid and conditional references) through POST /fhir, hospitals and practitioners first."""
    world = World(binary, patients=None, source="push", destination="folder", gateway_extra="max_resource_bytes = 8000000\n")
    gateway = world.start_gateway()
    try:
        url = f"http://127.0.0.1:{world.listen_port}/fhir"
        checks.check(wait_for(lambda: http("GET", url + "/metadata")[0] == 200, 30), "bundles: the gateway does not listen")
        first = sorted(folder.glob("*Information*.json"))
        patients = [path for path in sorted(folder.glob("*.json")) if path not in first][:2]
        checks.check(len(first) == 2 and len(patients) == 2, f"bundles: Synthea gave {len(first)} and {len(patients)} files")
        entries, conditional, types = 0, 0, collections.Counter()
        for path in first + patients:
            text = path.read_text()
            bundle = json.loads(text)
            conditional += text.count('"reference": "Practitioner?') + text.count('"reference": "Organization?') + text.count('"reference": "Location?')
            status, _, body = http("POST", url, text, {"Content-Type": "application/fhir+json"}, timeout=120)
            checks.equal(status, 200, f"bundles: a transaction of {len(bundle['entry'])} entries" + ("" if status == 200 else body[:300].decode()))
            if status != 200:
                continue
            answer = json.loads(body)
            checks.equal([e["response"]["status"] for e in answer["entry"]], ["201 Created"] * len(bundle["entry"]), f"bundles: answers of {bundle['type']}")
            entries += len(bundle["entry"])
            types.update(e["resource"]["resourceType"] for e in bundle["entry"])
        checks.check(conditional > 0, "bundles: Synthea gave no conditional references: they are not tested")
        gateway.send_signal(signal.SIGTERM)
        checks.equal(gateway.wait(60), 0, "bundles: graceful stop")
        gateway = None
        account, code = world.run_until_drained(240)
        _, source = outcome(checks, world, "bundles", account, code)
        checks.equal(source["received"], entries, "bundles: resources received and entries sent")
        journal = journal_counts(world)
        checks.equal(journal, dict(types), "bundles: resources by type in the journal and in the Bundles")
        print(f"bundles: {entries} entries, {conditional} conditional references", flush=True)
    finally:
        if gateway:
            gateway.kill()
            gateway.wait()
        world.close()


def mapped(binary, checks, folder):
    """The same population through `tributary map`, which has no store."""
    done = subprocess.run([binary, "map", str(folder), "--summary"], capture_output=True, text=True, timeout=240)
    checks.equal(done.returncode, 0, "map: exit code " + done.stderr[-500:])
    checks.check(", 0 unaccounted" in done.stdout, "map: " + (done.stdout.strip().splitlines() or [""])[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--bulk", required=True, type=pathlib.Path)
    parser.add_argument("--bundles", required=True, type=pathlib.Path)
    options = parser.parse_args()
    checks = Checks()
    for part, folder in ((bulk, options.bulk), (transactions, options.bundles), (mapped, options.bulk)):
        try:
            part(options.bin, checks, folder)
        except Exception as error:  # what the gateway does is a finding; the closing line must come
            checks.check(False, f"{part.__name__}: {type(error).__name__}: {error}")
    checks.finish()


main()
