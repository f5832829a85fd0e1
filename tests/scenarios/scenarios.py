#!/usr/bin/env python3
"""End-to-end scenarios. Each builds its own world and says what must hold."""
import argparse
import collections
import csv
import datetime
import gzip
import io
import json
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers" / "lib"))
from peer import fates  # noqa: E402
from world import Checks, World, closing, get  # noqa: E402
from virtual_wards import virtual_wards  # noqa: E402


def post(url, body, kind="application/fhir+json", method="POST"):
    request = urllib.request.Request(url, data=body.encode(), method=method, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def national_rows(world, table):
    """What the national side holds of a table."""
    return [json.loads(line) for line in get(world.sim["national"].replace("summary", "rows?table=" + table)).splitlines()]


def delete(url):
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()


def wait_for(what, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if what():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def agrees(checks, world, account, code, name):
    counts, national = closing(account), world.national()
    checks.equal(code, 0, f"{name}: exit code")
    checks.equal(counts.get("unaccounted"), 0, f"{name}: unaccounted")
    checks.equal(national["held"], counts.get("accepted"), f"{name}: rows that the national side holds, and those the ledger calls accepted")
    checks.equal(national["twice"], 0, f"{name}: delivered twice")
    return counts


def search_to_mesh(binary, checks):
    """Polls a FHIR server, delivers through MESH; a second run finds nothing new."""
    world = World(binary, patients=120, source="search")
    try:
        counts = agrees(checks, world, *world.run_until_drained(), "search")
        checks.check(counts.get("accepted", 0) > 500, f"search: only {counts.get('accepted')} rows were accepted")
        again = agrees(checks, world, *world.run_until_drained(), "search again")
        checks.equal(again.get("rows"), counts.get("rows"), "search again: rows")
    finally:
        world.close()


def both_formats(binary, checks):
    """NDJSON gives the national side the same rows as CSV."""
    held = []
    for extra in ("", 'format = "ndjson"\n'):
        world = World(binary, patients=60, source="search", destination_extra=extra)
        try:
            agrees(checks, world, *world.run_until_drained(), "format " + (extra.strip() or "csv"))
            held.append(get(world.sim["national"].replace("summary", "rows?table=CYP101Referral")))
        finally:
            world.close()
    checks.check(held[0] == held[1] and len(held[0]) > 100, "csv and ndjson give the national side different referrals")


def hints_and_deletes(binary, checks):
    """Subscriptions wake the search; what is deleted at the source is withdrawn at the national side."""
    world = World(binary, patients=60, source="search", source_extra="subscribe = true\n")
    gateway = None
    try:
        base = world.sim["epr"]
        gateway = world.start_gateway()
        checks.check(wait_for(lambda: world.status()["drained"] and world.national()["accepted"] > 100, 60), "hints: the first load did not drain")
        checks.check(wait_for(lambda: any(s["state"] == "active" for s in world.status()["subscriptions"])), "hints: no subscription became active")
        bundle = json.loads(get(base + "/Encounter?_count=50"))
        encounters = [e["resource"] for e in bundle["entry"] if e["resource"].get("status") == "finished"]
        checks.check(len(encounters) > 3, "hints: the simulator has no finished encounters")
        before = world.national()["deleted"]
        gone = encounters[0]["id"]
        delete(f"{base}/Encounter/{gone}")
        checks.check(wait_for(lambda: world.national()["deleted"] > before, 30), "deletes: the national side heard of no withdrawal")
        changed = dict(encounters[1], length={"value": 77, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"})
        accepted = world.national()["accepted"]
        status, _ = post(f"{base}/Encounter/{changed['id']}", json.dumps(changed), method="PUT")
        checks.check(status in (200, 201), f"hints: PUT was answered with {status}")
        checks.check(wait_for(lambda: world.national()["accepted"] > accepted, 30), "hints: the change did not arrive")
        checks.check(wait_for(lambda: any(s["notifications"] > 0 for s in world.status()["subscriptions"])), "hints: no notification came")
        gateway.send_signal(signal.SIGTERM)
        checks.equal(gateway.wait(20), 0, "hints: graceful stop")
        gateway = None
        agrees(checks, world, *world.run_until_drained(), "hints")
    finally:
        if gateway:
            gateway.kill()
        world.close()


def push_and_health(binary, checks):
    """Pushes over HTTP; health, readiness, metrics."""
    world = World(binary, patients=40, source="push")
    gateway = None
    try:
        gateway = world.start_gateway()
        admin = f"http://127.0.0.1:{world.admin_port}"
        checks.check(wait_for(lambda: get(admin + "/readyz").startswith("ready")), "push: /readyz")
        checks.equal(get(admin + "/healthz"), "ok\n", "push: /healthz")
        push = f"http://127.0.0.1:{world.listen_port}/fhir"
        for kind in ("Organization", "Practitioner", "Patient", "ServiceRequest", "EpisodeOfCare", "Encounter"):
            bundle = json.loads(get(f"{world.sim['epr']}/{kind}?_count=200"))
            entries = [{"resource": e["resource"], "request": {"method": "PUT", "url": f"{kind}/{e['resource']['id']}"}} for e in bundle["entry"]]
            status, body = post(push, json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}))
            checks.equal(status, 200, f"push: transaction of {kind}")
            checks.equal(body.count("201 Created"), len(entries), f"push: answers for {kind}")
        checks.check(wait_for(lambda: world.national()["accepted"] > 30), "push: nothing arrived at the national side")
        metrics = get(admin + "/metrics")
        checks.check("tributary_received_total" in metrics and 'source="push"' in metrics, "push: metrics")
        status, body = post(push, '{"resourceType":"Patient","id":"x","gender":}')
        checks.check(status == 400 and "line 1" in body, f"push: malformed JSON is answered with {status} {body[:100]}")
        gateway.send_signal(signal.SIGTERM)
        checks.equal(gateway.wait(20), 0, "push: graceful stop")
        gateway = None
        agrees(checks, world, *world.run_until_drained(), "push")
    finally:
        if gateway:
            gateway.kill()
        world.close()


PLANTED = ["9990000042", "ZZPLANTEDNAME", "ZZ9 9ZZ"]


def bad_input(binary, checks):
    """Everything that is wrong at once: the good part goes through, the bad part is kept with a reason, the log stays clean."""
    world = World(binary, patients=30, source="files", gateway_extra='max_resource_bytes = 4000000\nlog_level = "debug"\n')
    try:
        planted = {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": PLANTED[0]}],
                   "name": [{"family": PLANTED[1], "given": [PLANTED[1]]}], "address": [{"postalCode": PLANTED[2]}]}
        patient = lambda **more: json.dumps({"resourceType": "Patient", "id": "bad", **planted, **more})
        deep = '{"resourceType":"Patient","id":"deep","extension":' + '[{"extension":' * 1_000_000
        lines = [
            patient(),                                                        # no GP
            patient(id="wrong-number", identifier=[dict(planted["identifier"][0], value="9990000043")]),  # modulus 11 does not hold
            patient(id="odd-code", identifier=[dict(planted["identifier"][0], value="9990000050")], gender="martian", birthDate="1970-01-01"),
            patient(id="a", birthDate="1999-13-45"),
            patient()[:-20],                                                  # cut off
            patient().replace('"bad"', '"bad","id":"twice"'),                 # a duplicate member
            json.dumps({"resourceType": "Patiant", "id": "x", **planted}),
            deep,
            json.dumps({"resourceType": "Encounter", "id": "e1", "subject": {"reference": "Patient/nobody"}, "status": "finished",
                        "class": {"code": "unknown-code"}}),
            json.dumps({"resourceType": "Encounter", "id": "to-nobody", "subject": {"reference": "Patient/nobody"}, "status": "finished",
                        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}, "period": {"start": "2026-01-01T10:00:00Z"}}),
            json.dumps({"resourceType": "Organization", "id": "loop-a", "partOf": {"reference": "Organization/loop-b"}, "name": PLANTED[1]}),
            json.dumps({"resourceType": "Organization", "id": "loop-b", "partOf": {"reference": "Organization/loop-a"}}),
            json.dumps({"resourceType": "ServiceRequest", "id": "s", "status": "active", "subject": {"reference": "Patient/bad"}, "replaces":
                        [{"reference": "ServiceRequest/s"}], "performer": [{"reference": "Organization/loop-a"}], "priority": "whenever"}),
            json.dumps({"resourceType": "Patient", "id": "big", "text": {"status": "generated", "div": PLANTED[1] * 500_000}}),
            "", "   ", "not json at all", "<html>" + PLANTED[1] + "</html>", '["' + PLANTED[1] + '"]', "\x00\x01",
        ]
        world.drop_file("bad.ndjson", "\n".join(lines) + "\n")
        good = [json.dumps(e["resource"]) for kind in ("Organization", "Patient")
                for e in json.loads(get(f"{world.sim['epr']}/{kind}?_count=100"))["entry"]]
        world.drop_file("good.ndjson", "\n".join(good) + "\n")
        counts = agrees(checks, world, *world.run_until_drained(), "bad input")
        checks.check(counts.get("accepted", 0) >= 20, f"bad input: the good patients did not get through ({counts})")
        log = (world.folder / "gateway.log").read_text(errors="replace")
        for word in PLANTED:
            checks.check(word not in log, f"bad input: the log shows {word}")
        for match in re.findall(r"\b999\d{7}\b", log):
            checks.check(False, f"bad input: the log shows the NHS number {match}")
        gateway = world.start_gateway()
        wait_for(lambda: get(f"http://127.0.0.1:{world.admin_port}/readyz").startswith("ready"))
        try:
            shown = get(f"http://127.0.0.1:{world.admin_port}/metrics") + json.dumps(world.status()) + json.dumps(world.reconcile())
            rejected = world.reconcile()["sources"]["drop"]["rejected"]
        finally:
            gateway.terminate()
            gateway.wait(20)
        checks.equal(rejected, 9, "bad input: rejected lines")
        found = fates(world)
        for name, fate in {"Patient/wrong-number": "quarantined", "Patient/a": "quarantined", "Encounter/to-nobody": "quarantined", "Encounter/e1": "filtered",
                           "Patient/odd-code": "delivered", "Organization/loop-a": "filtered", "Organization/loop-b": "filtered"}.items():
            checks.equal(found.get(name, (None,))[0], fate, f"bad input: what became of {name}")
        sent = get(world.sim["national"].replace("summary", "rows?table=CYP001MPI"))
        checks.check("martian" not in sent, "bad input: a code that no list holds was sent")
        for word in PLANTED:
            checks.check(word not in shown, f"bad input: metrics or status show {word}")
    finally:
        world.close()


def huge_input(binary, checks):
    """A resource of 1 GB, in a file and pushed: refused and recorded, in bounded memory; what stands beside it goes through."""
    world = World(binary, patients=None, source="files+push", destination="folder")
    gateway = None
    try:
        whole = json.dumps({"resourceType": "Patient", "id": "beside", "birthDate": "1970-01-01"})
        part = world.drop / "in" / ".huge.ndjson.gz"
        with gzip.open(part, "wb", compresslevel=1) as out:
            out.write(b'{"resourceType":"Patient","id":"huge","text":{"status":"generated","div":"')
            for _ in range(1024):
                out.write(b"x" * (1 << 20))
            out.write(b'"}}\n' + whole.encode() + b"\n")
        part.rename(part.with_name("huge.ndjson.gz"))
        gateway = world.start_gateway()
        checks.check(wait_for(lambda: (world.drop / "done" / "huge.ndjson.gz").exists(), 120), "huge: the file was not taken to its end")
        with socket.create_connection(("127.0.0.1", world.listen_port), timeout=30) as client:  # says that it will send 1 GB
            client.sendall(b"POST /fhir HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: 1073741824\r\n\r\n{")
            answer = client.recv(200).decode()
        checks.check(answer.startswith("HTTP/1.1 413"), f"huge: a push of 1 GB was answered with {answer[:60]!r}")
        status, answer = post(f"http://127.0.0.1:{world.listen_port}/fhir", whole.replace("beside", "after"))
        checks.equal(status, 201, "huge: the push after it")
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{gateway.pid}/status").read_text())[1]) // 1024
        checks.check(peak < 400, f"huge: the gateway held {peak} MiB")
        refused = world.refused()
        checks.equal([(r["where"], r["line"], r["rule"]) for r in refused], [("huge.ndjson.gz", 1, "line-too-long")], "huge: what is on record")
        gateway.terminate()
        checks.equal(gateway.wait(30), 0, "huge: graceful stop")
        checks.equal(sorted(fates(world)), ["Patient/after", "Patient/beside"], "huge: what stood beside it")
    finally:
        if gateway and gateway.poll() is None:
            gateway.kill()
        world.close()


def national_faults(binary, checks):
    """A national side that times out after accepting, answers 500, loses, repeats and delays its acknowledgements."""
    faults = [{"drop_accepted": True, "times": 2}, {"status": 500, "times": 3}, {"status": 503, "times": 3}, {"duplicate_acks": True}]
    for fault in faults:
        world = World(binary, patients=25, source="search")
        try:
            url = world.sim["mesh"] + "/_simulator/mesh-faults"
            post(url, json.dumps(fault), kind="application/json")
            gateway = world.start_gateway()
            time.sleep(4)
            post(url, json.dumps({"drop_accepted": False, "status": 0, "duplicate_acks": fault.get("duplicate_acks", False)}), kind="application/json")
            gateway.terminate()
            gateway.wait(30)
            agrees(checks, world, *world.run_until_drained(), f"national fault {fault}")
        finally:
            world.close()


def daily_window(binary, checks):
    """In daily mode everything goes once, after the hour; a later change waits for the next day."""
    world = World(binary, patients=25, source="search", destination_extra='mode = "daily"\nat = "00:00"\n')
    try:
        counts = agrees(checks, world, *world.run_until_drained(), "daily")
        checks.check(counts.get("accepted", 0) > 50, f"daily: {counts}")
    finally:
        world.close()


def provider_rows(binary, checks):
    """Staff, group sessions and anonymous assessments arrive, change and go; a staff member of many patients is one row."""
    world = World(binary, patients=60, source="search", source_extra="subscribe = true\n")
    gateway = None
    try:
        base = world.sim["epr"]
        practitioners = json.loads(get(base + "/Practitioner?_count=200"))["total"]
        gateway = world.start_gateway()
        staff = lambda: {row["CareProfessionalID_Local"]: row for row in national_rows(world, "CYP901StaffDetails")}
        checks.check(wait_for(lambda: world.status()["drained"] and world.national()["accepted"] > 100, 60), "provider rows: the first load did not drain")
        checks.equal(len(staff()), practitioners, "provider rows: staff at the national side, and practitioners of the record system")
        checks.check(all(row.get("StaffGroup") and row.get("RegistrationBody") for row in staff().values()),
                     "provider rows: a staff row lacks what its practitioner or its role gives")
        named = {row["CareProfessionalID_Local"] for row in national_rows(world, "CYP202CareActivity") if row.get("CareProfessionalID_Local")}
        checks.check(len(named) > 3 and named <= staff().keys(), "provider rows: activities name staff that have no row")
        sessions, assessments = national_rows(world, "CYP301GroupSession"), national_rows(world, "CYP613AnonSelfAssessment")
        checks.check(sessions and assessments, "provider rows: no group sessions or anonymous assessments")

        entries = [e["resource"] for e in json.loads(get(base + "/Practitioner?_count=5"))["entry"]]
        identity = lambda resource: resource["identifier"][0]["value"]
        changed, gone = entries[0], entries[1]
        changed["qualification"][0]["identifier"][0]["value"] = "PH54321"
        status, _ = post(f"{base}/Practitioner/{changed['id']}", json.dumps(changed), method="PUT")
        checks.check(status in (200, 201), f"provider rows: PUT was answered with {status}")
        delete(f"{base}/Practitioner/{gone['id']}")
        checks.check(wait_for(lambda: staff().get(identity(changed), {}).get("RegistrationEntryID") == "PH54321", 30), "provider rows: the change of a practitioner did not arrive")
        checks.check(wait_for(lambda: identity(gone) not in staff(), 30), "provider rows: the row of a deleted practitioner is still there")
        role = json.loads(get(f"{base}/PractitionerRole/{changed['id']}-role"))
        delete(f"{base}/PractitionerRole/{role['id']}")
        checks.check(wait_for(lambda: "StaffGroup" not in staff().get(identity(changed), {"StaffGroup": 0}), 30), "provider rows: what a deleted role gave is still there")

        session = [e["resource"] for e in json.loads(get(base + "/Encounter?_count=1000"))["entry"] if "subject" not in e["resource"]][0]
        assessment = [e["resource"] for e in json.loads(get(base + "/Observation?_count=1000"))["entry"] if "subject" not in e["resource"]][0]
        delete(f"{base}/Encounter/{session['id']}")
        delete(f"{base}/Observation/{assessment['id']}")
        checks.check(wait_for(lambda: len(national_rows(world, "CYP301GroupSession")) == len(sessions) - 1, 30), "provider rows: a deleted group session is still there")
        checks.check(wait_for(lambda: len(national_rows(world, "CYP613AnonSelfAssessment")) == len(assessments) - 1, 30), "provider rows: a deleted assessment is still there")
        gateway.send_signal(signal.SIGTERM)
        checks.equal(gateway.wait(20), 0, "provider rows: graceful stop")
        gateway = None
        agrees(checks, world, *world.run_until_drained(), "provider rows")
    finally:
        if gateway:
            gateway.kill()
        world.close()


def last_month():
    """First and last day of the month before this one."""
    last = datetime.date.today().replace(day=1) - datetime.timedelta(days=1)
    return last.replace(day=1), last


def month_end(binary, checks):
    """A month end: primary, a late contact in the refresh, closed, and rebuilt by hand after a preview."""
    first, _ = last_month()
    month, today, day = first.strftime("%Y-%m"), datetime.date.today(), datetime.timedelta(days=1)
    open_now, long_ago = (today - day, today + day), ("2001-01-01", "2001-01-02")
    world = World(binary, patients=60, source="search", destination_extra='mode = "monthly"\nat = "00:00"\ndays_before_close = 28\n')
    gateway = None
    try:
        world.set_calendar({(month, "primary"): open_now})
        agrees(checks, world, *world.run_until_drained(), "primary")
        rows = lambda table: get(world.sim["national"].replace("summary", f"rows?table={table}")).splitlines()
        contacts, national = rows("CYP201"), world.national()
        checks.check(len(contacts) > 5, f"month end: only {len(contacts)} contacts in the primary")
        checks.equal(national["rejected"], 0, "month end: rows of the primary that the national side rejects")
        checks.check(all(month in str(row) for row in contacts), "month end: contacts of another month went with the primary")
        checks.equal(national["submissions"], 1, "month end: submissions of the primary")
        agrees(checks, world, *world.run_until_drained(), "primary again")
        checks.equal(world.national()["submissions"], 1, "month end: the primary went twice")

        bundle = json.loads(get(world.sim["epr"] + "/Encounter?_count=500"))
        sample = next(e["resource"] for e in bundle["entry"] if e["resource"].get("status") == "finished"
                      and e["resource"]["period"]["start"].startswith(month) and e["resource"].get("identifier"))

        def late(name):
            """The sample once more, as another contact of the same time."""
            new = json.loads(json.dumps(sample))
            new.update(id=name)
            new.pop("meta", None)
            for identifier in new["identifier"]:
                identifier["value"] = name
            status, text = post(f"{world.sim['epr']}/Encounter/{name}", json.dumps(new), method="PUT")
            checks.check(status in (200, 201), f"month end: PUT was answered with {status} {text[:200]}")

        late("late-1")
        world.set_calendar({(month, "primary"): long_ago, (month, "refresh"): open_now})
        agrees(checks, world, *world.run_until_drained(), "refresh")
        refreshed = rows("CYP201")
        checks.equal(len(refreshed), len(contacts) + 1, "month end: contacts after the refresh")
        checks.equal(world.national()["submissions"], 2, "month end: submissions after the refresh")

        late("late-2")
        world.set_calendar({(month, "primary"): long_ago, (month, "refresh"): ("2001-02-01", "2001-02-02")})
        gateway = world.start_gateway()
        held = lambda: [h for h in world.status()["destinations"][0]["held"] if h["month"] == month]
        checks.check(wait_for(lambda: held() and held()[0]["rows"] == 1, 60), f"month end: the late row is not shown as held: {world.status()['destinations'][0]}")
        checks.check("closed on 2001-02-02" in held()[0]["reason"], f"month end: the reason is {held()[0]['reason']}")
        metrics = get(f"http://127.0.0.1:{world.admin_port}/metrics")
        checks.check(re.search(r'tributary_rows_held\{destination="national"\} [1-9]', metrics), "month end: metrics do not show what is held")
        shown, code = world.command("status", "-c", world.config)
        checks.check(code == 0 and f"rows of {month}" in shown, f"month end: tributary status shows {shown}")
        checks.equal(world.national()["submissions"], 2, "month end: something was sent after the refresh had closed")

        dry, code = world.command("rebuild", month, "-c", world.config, "-o", world.folder / "dry")
        checks.check(code == 0 and "nothing was sent" in dry, f"month end: rebuild -o said {dry}")
        preview, code = world.command("rebuild", month, "-c", world.config, "--preview")
        digest = re.search(r"--confirm ([0-9a-f]+)", preview)
        checks.check(code == 0 and digest and "1 of them not yet there" in preview, f"month end: the preview said {preview}")
        checks.equal(world.national()["submissions"], 2, "month end: a preview sent something")
        _, code = world.command("rebuild", month, "-c", world.config, "--confirm", "0" * 12)
        checks.check(code != 0, "month end: a wrong confirmation was taken")
        for attempt, words in enumerate(("goes out as", "had been ordered before")):
            said, code = world.command("rebuild", month, "-c", world.config, "--confirm", digest.group(1))
            checks.check(code == 0 and words in said, f"month end: order {attempt + 1} said {said}")
        checks.check(wait_for(lambda: len(rows("CYP201")) == len(refreshed) + 1 and not held(), 60), "month end: the rebuilt month did not arrive")
        checks.equal(world.national()["submissions"], 3, "month end: submissions after the rebuild")
        gateway.terminate()
        checks.equal(gateway.wait(20), 0, "month end: graceful stop")
        gateway = None
        agrees(checks, world, *world.run_until_drained(), "rebuilt")
        checks.equal(world.national()["rejected"], 0, "month end: rows that the national side rejected")
    finally:
        if gateway:
            gateway.kill()
        world.close()


def provider_rows_of_an_older_journal(binary, checks):
    """A collection that gains staff rows fills them from what is held already, and one that loses them withdraws them."""
    world = World(binary, patients=30, source="search")
    try:
        repository = pathlib.Path(__file__).resolve().parent.parent.parent
        for part in ("fhir-mappings", "profiles"):
            shutil.copytree(repository / part, world.folder / part)
        manifest = world.folder / "fhir-mappings/csds/1.6/collection.json"
        shipped = manifest.read_text()
        without = json.loads(shipped)
        staff = next(table for table in without["tables"] if table["table"] == "CYP901StaffDetails")
        staff["sources"] = []
        world.config.write_text(world.config.read_text().replace("[collection]", '[collection]\nmappings = "fhir-mappings"'))
        practitioners = json.loads(get(world.sim["epr"] + "/Practitioner?_count=200"))["total"]
        for text, rows in ((json.dumps(without), 0), (shipped, practitioners), (json.dumps(without), 0), (shipped, practitioners)):
            manifest.write_text(text)
            agrees(checks, world, *world.run_until_drained(), "older journal")
            checks.equal(len(national_rows(world, "CYP901StaffDetails")), rows, "older journal: staff at the national side")
    finally:
        world.close()


def rows_of(name, data):
    """The rows of a submission's file as {(table, action): [{column: cell that is not empty}, …]}, read by Python's own readers."""
    rows = collections.defaultdict(list)
    if name.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        for entry in archive.namelist():
            if entry.endswith(".csv"):
                table, withdrawn, _ = entry.removesuffix(".csv").partition("_deleted")
                for row in csv.DictReader(io.StringIO(archive.read(entry).decode(), newline="")):
                    rows[table, "delete" if withdrawn else "upsert"].append({k: v for k, v in row.items() if v})
    elif name.endswith(".ndjson"):
        for line in data.decode().splitlines():
            row = json.loads(line)
            if "manifest" not in row:
                rows[row["table"], row["action"]].append(row["fields"])
    else:
        root = xml.etree.ElementTree.fromstring(data)
        local = lambda element: element.tag.split("}")[-1]
        for row in root:
            if local(row) != "Manifest":
                rows[local(row), row.get("action", "upsert")].append({local(cell): cell.text for cell in row})
    return dict(rows)


DVE_MEMBERS = ["Entity", "Key", "FailureType", "Status", "ErrorType", "ErrorLocation", "ErrorMessage", "ErrorCode", "ReportingField",
               "RecordIndex", "Value", "Category"]


def check_feedback(checks, path, name):
    """The findings of a file, each looked at for its members and their values."""
    checks.equal(stat.S_IMODE(path.stat().st_mode), 0o600, f"{name}: mode")
    findings = [json.loads(line) for line in path.read_text().splitlines()]
    checks.check(len(findings) > 0, f"{name}: no findings")
    for finding in findings:
        held = (list(finding) == DVE_MEMBERS and finding["FailureType"] in ("record", "submission", "integrity")
                and finding["Status"] in ("error", "informational") and finding["Category"] in ("Blank", "Wrong format", "Bad value", "Bad file")
                and (finding["RecordIndex"] is None or finding["RecordIndex"] >= 1)
                and all(finding[key] is None or (isinstance(finding[key], str) and finding[key]) for key in DVE_MEMBERS if key != "RecordIndex"))
        if not checks.check(held, f"{name}: not the shape of the Data Validation Engine: {finding}"):
            break
    return findings


def forms(binary, checks):
    """CSV, NDJSON and XML hold the same rows, from `tributary map` and from the gateway; feedback has its shape."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = lambda *arguments: subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=True).stdout
        run("synth", "--patients", 40, "-o", folder / "in")
        cases = pathlib.Path(__file__).resolve().parents[2] / "fhir-mappings/csds/1.6/tests"
        (folder / "in" / "faulty.ndjson").write_text((cases / "unknown-codes" / "input.ndjson").read_text())
        read = {}
        for form, file in (("csv-zip", "csds-1.6.zip"), ("ndjson", "csds-1.6.ndjson"), ("xml", "csds-1.6.xml")):
            run("map", folder / "in", "-o", folder / form, "--format", form)
            read[form] = rows_of(file, (folder / form / file).read_bytes())
        checks.check(len(read["csv-zip"]) > 20, f"forms: only {len(read['csv-zip'])} tables")
        checks.equal(read["ndjson"] == read["csv-zip"], True, "forms: NDJSON holds what CSV holds")
        checks.equal(read["xml"] == read["csv-zip"], True, "forms: XML holds what CSV holds")
        findings = check_feedback(checks, folder / "xml" / "feedback.jsonl", "map feedback")
        checks.equal({f["Category"] for f in findings}, {"Wrong format", "Bad value"}, "map feedback: categories")
        run("map", cases / "missing-values-provider" / "input.ndjson", "--summary", "--feedback", folder / "blank.jsonl")
        blank = [f for f in check_feedback(checks, folder / "blank.jsonl", "feedback on blanks") if f["Category"] == "Blank"]
        checks.check(blank and all(f["Value"] is None and f["ErrorType"] == "mandatory" for f in blank), f"blank fields: {blank}")
        run("map", cases / "nhs-number-invalid", "--summary", "--feedback", folder / "file.jsonl")
        checks.check("submission" in {f["FailureType"] for f in check_feedback(checks, folder / "file.jsonl", "feedback on a file")}, "a file that is refused")
        checks.equal({f["Status"] for f in findings}, {"error", "informational"}, "map feedback: status")

        first = None
        for form in ("csv-zip", "xml"):
            rows = gateway_form(binary, checks, form, folder / "in", findings)
            first = first or rows
            differ = [(row, rows[row], first[row]) for row in rows | first if rows[row] != first[row]]
            checks.equal(differ[:2], [], f"forms: rows that the gateway's {form} and its CSV do not share")


def gateway_form(binary, checks, form, inputs, expected):
    """The rows that stand in the end of what the gateway wrote into a folder, and its feedback looked at."""
    world = World(binary, patients=None, destination="folder", linger="60s", destination_extra=f'format = "{form}"\n')
    try:
        for path in sorted(inputs.iterdir()):
            world.drop_file(path.name, path.read_text())
        account, code = world.run_until_drained()
        checks.equal(code, 0, f"forms, {form}: exit code")
        counts = closing(account)
        rows = collections.Counter()
        for path in (world.folder / "out").iterdir():
            for (table, action), part in rows_of(path.name, path.read_bytes()).items() if path.is_file() else ():
                if table != "CYP000Header":
                    rows.update({(table, *sorted(row.items())): 1 if action == "upsert" else -1 for row in part})
        out = world.folder / "feedback.jsonl"
        subprocess.run([binary, "feedback", "-c", world.config, "-o", out], check=True, capture_output=True)
        findings = check_feedback(checks, out, f"gateway feedback, {form}")
        errors = {(f["Entity"], f["RecordIndex"]) for f in findings if f["Status"] == "error"}
        checks.equal(len(errors), counts["quarantined"], f"gateway feedback: records with errors, and quarantined rows of {counts}")
        same = lambda f: tuple(f[key] or "" for key in ("Entity", "Key", "ErrorCode", "ReportingField", "Value", "Category", "Status"))
        ours, theirs = collections.Counter(map(same, findings)), collections.Counter(map(same, expected))
        checks.equal((ours - theirs, theirs - ours), (collections.Counter(), collections.Counter()), f"gateway feedback, {form}: findings that `map` does not share")
        subprocess.run([binary, "feedback", "-c", world.config, "-o", out, "--submission", "1"], check=True, capture_output=True)
        sent = check_feedback(checks, out, f"feedback of a submission, {form}")
        checks.equal({f["Status"] for f in sent}, {"informational"}, "feedback of a submission: rows that were sent have no errors")
        log = (world.folder / "gateway.log").read_text()
        checks.check(not any(f["Key"] in log for f in findings if f["Key"] and len(f["Key"]) > 8), "a key of the feedback stands in the log")
        return rows
    finally:
        world.close()


def provider_rows_after_kills(binary, checks):
    """Killed before and after its workers commit, the gateway still delivers each staff member once."""
    world = World(binary, patients=40, source="search")
    try:
        practitioners = json.loads(get(world.sim["epr"] + "/Practitioner?_count=200"))["total"]
        for fault in ("pipeline.worker.before_commit:1", "pipeline.worker.after_commit:1", "pipeline.worker.before_commit:2"):
            gateway = world.start_gateway("--until-drained", fault=fault)
            gateway.communicate(timeout=120)
            checks.equal(gateway.returncode, -signal.SIGKILL, f"kills: {fault}")
        agrees(checks, world, *world.run_until_drained(), "kills")
        rows = [row["CareProfessionalID_Local"] for row in national_rows(world, "CYP901StaffDetails")]
        checks.equal(len(rows), practitioners, "kills: staff at the national side")
        checks.equal(len(set(rows)), len(rows), "kills: staff once each")
    finally:
        world.close()


def national_feedback(binary, checks):
    """A receiver answers a file in the shape of the Data Validation Engine: two rows are rejected, one has a remark, the others are accepted."""
    world = World(binary, patients=10, source="search", destination="folder", linger="60s", destination_extra="expect_receipts = true\npoll = \"100ms\"\n")
    try:
        gateway = world.start_gateway("--until-drained")
        out = world.folder / "out"
        checks.check(wait_for(lambda: list(out.glob("*.zip")), 60), "national feedback: no file was delivered")
        file = next(out.glob("*.zip"))
        finding = {"Entity": "CYP601MedicalHistory", "Key": None, "FailureType": "record", "Status": "error", "ErrorType": "x", "ErrorLocation": None, "ErrorMessage": "no",
                   "ErrorCode": "D1", "ReportingField": None, "RecordIndex": 1, "Value": None, "Category": "Bad value"}
        lines = [finding, dict(finding, RecordIndex=2), dict(finding, RecordIndex=3, Status="informational")]
        part = out / "receipts" / ".part"
        part.write_text("".join(json.dumps(line) + "\n" for line in lines))
        part.rename(out / "receipts" / (file.stem + ".feedback.jsonl"))
        account, _ = gateway.communicate(timeout=60)
        counts = closing(account)
        checks.equal((counts.get("rejected"), counts.get("accepted")), (2, counts["rows"] - 2), f"national feedback: {counts}")
        checks.equal([path.name for path in (out / "receipts" / "done").iterdir()], [file.stem + ".feedback.jsonl"], "national feedback: done")
    finally:
        world.close()


def month_kills(binary, checks):
    """Killed at each step of a month, of a day, and of leaving rows out: afterwards everything goes once."""
    first, _ = last_month()
    month, today, day = first.strftime("%Y-%m"), datetime.date.today(), datetime.timedelta(days=1)
    source = World(binary, patients=12, source="search")
    try:
        lines = [json.dumps(e["resource"]) for kind in ("Organization", "Practitioner", "PractitionerRole", "Location", "CareTeam", "HealthcareService",
                                                        "Patient", "ServiceRequest", "EpisodeOfCare", "Encounter")
                 for e in json.loads(get(f"{source.sim['epr']}/{kind}?_count=500")).get("entry", [])]
    finally:
        source.close()
    numbers = sorted(set(re.findall(r'"(9\d{9})"', "\n".join(lines))))
    checks.check(len(numbers) > 5, "kills: the caseload has no NHS numbers")
    good = "\n".join(lines)
    doubled = good.replace(f'"{numbers[1]}"', f'"{numbers[0]}"')  # two patients with one number
    staff = "\n".join(line for line in lines if json.loads(line)["resourceType"] in ("Organization", "Practitioner", "PractitionerRole"))
    monthly, daily = 'mode = "monthly"\nat = "00:00"\ndays_before_close = 28\n', 'mode = "daily"\nat = "00:00"\n'
    points = [("pipeline.lane.before_open_month", monthly, good), ("pipeline.lane.after_open_month", monthly, good),
              ("pipeline.lane.before_leave_out", monthly, doubled), ("pipeline.lane.after_leave_out", monthly, doubled),
              ("store.leave_out.before_commit", monthly, doubled), ("store.leave_out.after_commit", monthly, doubled),
              ("pipeline.lane.before_refuse", monthly, staff),  # a month without its mandatory tables
              ("pipeline.lane.before_open_day", daily, good), ("pipeline.lane.after_open_day", daily, good),
              ("pipeline.lane.before_rebuild", monthly, good), ("pipeline.lane.after_rebuild", monthly, good)]
    for point, mode, text in points:
        world = World(binary, patients=None, source="files", destination="folder", destination_extra=mode)
        gateway = None
        try:
            by_hand = "rebuild" in point
            window = ("2001-01-01", "2001-01-02") if by_hand else (today - day, today + day)
            world.set_calendar({(month, "primary"): window})
            world.drop_file("all.ndjson", text + "\n")
            gateway = world.start_gateway(fault=point + ":1")
            if by_hand:
                checks.check(wait_for(lambda: world.status()["destinations"][0]["heldRows"] > 0, 60), f"kills: {point}: nothing is held")
                preview, _ = world.command("rebuild", month, "-c", world.config, "--preview")
                confirm = re.search(r"--confirm ([0-9a-f]+)", preview)
                checks.check(confirm is not None, f"kills: {point}: the preview said {preview}")
                if confirm is None:
                    continue
                order = ("rebuild", month, "-c", world.config, "--confirm", confirm.group(1))
                world.command(*order)
            checks.check(wait_for(lambda: gateway.poll() is not None, 60), f"kills: {point} was not reached")
            checks.equal(gateway.poll(), -9, f"kills: {point}: how the gateway ended")
            gateway.kill()
            gateway.communicate()
            gateway = None
            if by_hand:
                gateway = world.start_gateway()
                wait_for(lambda: get(f"http://127.0.0.1:{world.admin_port}/readyz").startswith("ready"))
                said, code = world.command(*order)  # the same order again, as the operator would
                checks.equal(code, 0, f"kills: {point}: the order again: {said}")
                checks.check(wait_for(lambda: world.status()["destinations"][0]["submissions"] + world.status()["destinations"][0]["accepted"] > 0, 30),
                             f"kills: {point}: nothing was sent")
                gateway.terminate()
                gateway.wait(20)
                gateway = None
            account, code = world.run_until_drained()
            counts, files = closing(account), sorted((world.folder / "out").glob("*.zip"))
            checks.equal(code, 0, f"kills: {point}: exit code")
            checks.equal(counts.get("unaccounted"), 0, f"kills: {point}: unaccounted")
            if text is staff:
                checks.equal(len(files), 0, f"kills: {point}: files of a month that must not go")
            elif mode is monthly:
                checks.equal(len(files), 1, f"kills: {point}: files of the month")
            if text is doubled:
                checks.check(counts.get("rejected", 0) > 0, f"kills: {point}: nobody was left out ({counts})")
            if mode is daily:
                sent = sum(len(zipfile.ZipFile(file).read("CYP201CareContact.csv").splitlines()) - 1 for file in files
                           if "CYP201CareContact.csv" in zipfile.ZipFile(file).namelist())
                checks.check(sent > 0, f"kills: {point}: no contact was sent")
        finally:
            if gateway:
                gateway.kill()
                gateway.communicate()
            world.close()


def commands_say_no(binary, checks):
    """What a command cannot do ends it with a code and a clear word: nothing that could be read, a configuration that is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "broken.json").write_text('{"resourceType":"Patient",')
        (folder / "empty.ndjson").write_text("\n\n")
        for command in ("map", "coverage"):
            for name in ("broken.json", "empty.ndjson"):
                done = subprocess.run([binary, command, folder / name, "--collection", "csds/1.6"], capture_output=True, text=True)
                checks.check(done.returncode not in (0, None) and "no FHIR resource could be read" in done.stderr,
                             f"commands: {command} {name} ended with {done.returncode} and said {done.stderr[-200:]!r}")
        config = folder / "gateway.toml"
        config.write_text('[collection]\nid = "csds/1.6"\n[collection.settings]\nprovider = "not an ODS code"\n[[source]]\nname = "drop"\nkind = "files"\n'
                          'folder = "drop"\n[[destination]]\nname = "out"\nkind = "folder"\nfolder = "out"\n')
        done = subprocess.run([binary, "config", "check", config], capture_output=True, text=True)
        checks.check(done.returncode != 0 and "gateway.toml:4:12: error: collection.settings.provider" in done.stderr,
                     f"commands: config check ended with {done.returncode} and said {done.stderr[-300:]!r}")
        config.write_text(config.read_text().replace("not an ODS code", "RZZ"))
        done = subprocess.run([binary, "config", "check", config], capture_output=True, text=True)
        checks.check(done.returncode == 0 and "is good" in done.stdout, f"commands: config check of a good file ended with {done.returncode}: {done.stderr[-300:]!r}")


def mappings_explained(binary, checks):
    """A cell of the ledger is explained, coverage counted and a changed mapping compared, beside the running gateway."""
    world = World(binary, patients=None, source="files", destination="folder")
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    try:
        patient = {"resourceType": "Patient", "id": "a", "meta": {"versionId": "3"}, "birthDate": "1950-02-01", "gender": "female",
                   "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
                   "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "V81999"}}]}
        world.drop_file("one.json", json.dumps(patient))
        world.run_until_drained()
        gateway = world.start_gateway()
        try:
            checks.check(wait_for(lambda: world.status()), "explained: the gateway runs")
            text, code = world.command("explain", "CYP001.Gender", "-c", str(world.config))
            checks.equal(code, 0, "explained: exit code of explain")
            for part in ("Patient/a version 3", "journal 1", "byte ", "Patient.gender", "csds-1.6-gender", "maps/gender.json:"):
                checks.check(part in text, f"explained: '{part}' is not in: {text}")
            text, code = world.command("explain", "CYP001.Postcode", "-c", str(world.config))
            checks.check("value: (empty)" in text and "the Patient has nothing at: address" in text, f"explained: empty postcode: {text}")
            text, code = world.command("coverage", "-c", str(world.config), "--json")
            table = next(t for t in json.loads(text)["tables"] if t["code"] == "CYP001")
            checks.equal(next(f for f in table["fields"] if f["field"] == "Gender")["by"], {"drop": {"filled": 1, "empty": 0}}, "explained: coverage")
            changed = world.folder / "fhir-mappings" / "csds" / "next"
            shutil.copytree(root / "fhir-mappings/csds/1.6", changed)
            (world.folder / "profiles").symlink_to(root / "profiles")
            text, code = world.command("map", "--compare", str(changed), "-c", str(world.config))
            checks.equal((code, "0 changed, 0 added, 0 removed" in text), (0, True), "explained: nothing has changed")
            view = changed / "views" / "CYP001MPI.json"
            view.write_text(view.read_text().replace('"birthDate"', '"deceased.ofType(dateTime)"'))
            text, code = world.command("map", "--compare", str(changed), "-c", str(world.config))
            checks.equal((code, "1950-02-01 → (empty)" in text), (1, True), f"explained: a changed expression: {text}")
            view.write_text(view.read_text().replace('"deceased.ofType(dateTime)"', '"birthdate"'))
            text, code = world.command("map", "--compare", str(changed), "-c", str(world.config))
            checks.equal((code, bool(re.search(r"CYP001MPI\.json:\d+:\d+: error: .*birthdate", text))), (2, True), f"explained: a wrong one: {text}")
        finally:
            gateway.terminate()
            gateway.wait(30)
    finally:
        world.close()


SCENARIOS = [search_to_mesh, both_formats, forms, national_feedback, hints_and_deletes, push_and_health, bad_input, huge_input, national_faults, daily_window, month_end,
             month_kills, provider_rows, provider_rows_of_an_older_journal, provider_rows_after_kills, virtual_wards, commands_say_no,
             mappings_explained]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    checks = Checks()
    for scenario in SCENARIOS:
        if options.names and scenario.__name__ not in options.names:
            continue
        begin, failed = time.time(), checks.failed
        try:
            scenario(options.bin, checks)
        except Exception as error:  # a broken scenario is a failure, not the end of the others
            checks.check(False, f"{scenario.__name__}: {type(error).__name__}: {error}")
        print(f"{'ok    ' if checks.failed == failed else 'FAILED'} {scenario.__name__} ({time.time() - begin:.1f} s): {scenario.__doc__}", flush=True)
    checks.finish()


main()
