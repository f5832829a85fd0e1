#!/usr/bin/env python3
"""End-to-end scenarios. Each builds its own world and says what must hold."""
import argparse
import gzip
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers" / "lib"))
from peer import fates  # noqa: E402
from world import Checks, World, get  # noqa: E402
from support import agrees, delete, post, wait_for  # noqa: E402
from expressions import limits, progress, variables  # noqa: E402
from forms import forms, national_feedback  # noqa: E402
from periods import daily_window, month_end, month_kills  # noqa: E402
from provider_rows import provider_rows, provider_rows_after_kills, provider_rows_of_an_older_journal  # noqa: E402
from remote_ends import stops_while_hanging, words_of_others  # noqa: E402
from virtual_wards import virtual_wards  # noqa: E402


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


def hints_alone(binary, checks):
    """With an hour between two polls, a change arrives by its subscription alone."""
    world = World(binary, patients=30, source="search", source_extra="subscribe = true\n")
    gateway = None
    try:
        world.config.write_text(world.config.read_text().replace('interval = "500ms"', 'interval = "1h"'))
        base = world.sim["epr"]
        gateway = world.start_gateway()
        checks.check(wait_for(lambda: world.status()["drained"] and world.national()["accepted"] > 50, 60), "hints alone: the first load did not drain")
        checks.check(wait_for(lambda: all(s["state"] == "active" for s in world.status()["subscriptions"])), "hints alone: not all subscriptions are active")
        bundle = json.loads(get(base + "/Encounter?_count=50"))
        encounter = next(e["resource"] for e in bundle["entry"] if e["resource"].get("status") == "finished")
        accepted, deleted = world.national()["accepted"], world.national()["deleted"]
        post(f"{base}/Encounter/{encounter['id']}", json.dumps(dict(encounter, length={"value": 77, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"})), method="PUT")
        checks.check(wait_for(lambda: world.national()["accepted"] > accepted), "hints alone: the change did not arrive")
        delete(f"{base}/Encounter/{encounter['id']}")
        checks.check(wait_for(lambda: world.national()["deleted"] > deleted), "hints alone: the delete did not arrive")
        checks.check(wait_for(lambda: world.status()["drained"]), "hints alone: it does not come to rest")
        gateway.send_signal(signal.SIGTERM)
        checks.equal(gateway.wait(20), 0, "hints alone: graceful stop")
        gateway = None
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


SCENARIOS = [search_to_mesh, both_formats, forms, national_feedback, hints_and_deletes, hints_alone, push_and_health, bad_input, huge_input, national_faults, daily_window, month_end,
             month_kills, provider_rows, provider_rows_of_an_older_journal, provider_rows_after_kills, virtual_wards, commands_say_no,
             limits, progress, variables, mappings_explained, words_of_others, stops_while_hanging]


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
