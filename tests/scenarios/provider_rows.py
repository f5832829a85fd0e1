"""Rows of the provider: staff, group sessions, anonymous assessments."""
import json
import pathlib
import shutil
import signal

from world import World, get
from support import agrees, delete, national_rows, post, wait_for


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
