"""The virtual-ward collection from a record system to a folder."""
import csv
import datetime
import io
import json
import pathlib
import shutil
import urllib.request
import zipfile
import zoneinfo

from world import World, closing, get

WARD_SETTINGS = {"provider": "RZZ", "primary_system": "Tributary test", "provider_name": "Example Community NHS Trust", "icb_code": "QZZ",
                 "icb_ons_code": "E54000999", "icb_name": "Example Integrated Care Board", "region_code": "Y99", "region_name": "Example Region"}


def put(url, resource):
    request = urllib.request.Request(url, data=json.dumps(resource).encode(), method="PUT", headers={"Content-Type": "application/fhir+json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status


def rows_of(world, table):
    """Rows of a table in all submissions to the folder, oldest first."""
    rows = []
    for path in sorted((world.folder / "out").rglob("*.zip"), key=lambda p: p.stat().st_mtime_ns):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".csv") and table in name and "delete" not in name.lower():
                    rows += csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig")))
    return rows


def sitrep_of(world):
    """The newest sitrep row of each ward type and cohort."""
    return {row["ward_type"] + "/" + row["diagnosis_cohort_id"]: row for row in rows_of(world, "VWS001Sitrep")}


def virtual_wards(binary, checks):
    """The virtual-ward collection from a record system to a folder: every resource accounted for, the census counted and delivered
    as an ordinary row, corrected while it is open, and not sent again."""
    today = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/London")).date()
    world = World(binary, patients=1500, source="search", destination="folder", collection="virtual-wards/0.1", collection_extra='mappings = "mappings"\n',
                  settings=WARD_SETTINGS, simulator_args=("--faults", "0"))
    try:
        # The calendar is data: the census of this copy was yesterday, and is reported today.
        root = pathlib.Path(__file__).resolve().parents[2]
        for part in ("fhir-mappings/virtual-wards", "profiles/virtual-wards"):
            target = part.replace("fhir-mappings", "mappings")
            shutil.copytree(root / part, world.folder / target)
        manifest = world.folder / "mappings/virtual-wards/0.1/collection.json"
        described = json.loads(manifest.read_text())
        census = str(today - datetime.timedelta(days=1))
        described["aggregates"][0]["calendar"] |= {"first": census, "opens": {"day": 0, "time": "08:00:00"}, "closes": {"day": 13, "time": "23:59:59"}}
        manifest.write_text(json.dumps(described))

        text, code = world.run_until_drained()
        counts = closing(text)
        checks.equal(code, 0, "wards: exit code")
        checks.equal(counts.get("unaccounted"), 0, "wards: unaccounted")
        sitrep, stays = sitrep_of(world), rows_of(world, "VWD020Stay")
        checks.equal(sorted(sitrep), ["hospital-at-home/frailty", "virtual-ward/ari", "virtual-ward/heart-failure", "virtual-ward/other"], "wards: rows of the sitrep")
        checks.check(len(stays) > 30, f"wards: only {len(stays)} stays")
        wanted = {}
        wards = {row["Ward_ID"]: row for row in rows_of(world, "VWD001Ward")}
        for row in rows_of(world, "VWD021WardStay"):
            if row["Start_DateTime"] <= census + "T08:00:00" and (not row["End_DateTime"] or row["End_DateTime"] > census + "T08:00:00"):
                ward = wards[row["Ward_ID"]]
                wanted.setdefault(ward["Ward_Type"] + "/" + ward["Pathway"], set()).add(row["LocalPatientID"])
        checks.equal({k: int(v["total_number_of_patients_on_ward"]) for k, v in sitrep.items()}, {k: len(wanted.get(k, ())) for k in sitrep},
                     "wards: patients on the ward, counted again from the delivered rows")
        checks.check(sum(len(v) for v in wanted.values()) > 5, "wards: hardly anybody was on a ward")
        checks.equal({v["Period_End"] for v in sitrep.values()}, {census + "T00:00:00"}, "wards: the period")
        header = rows_of(world, "VWD000Header")
        checks.equal({row["Model_Status"] for row in header}, {"ASSUMED"}, "wards: the header's standing")
        files = len(list((world.folder / "out").rglob("*.zip")))

        checks.equal(world.run_until_drained()[1], 0, "wards again: exit code")
        checks.equal(len(list((world.folder / "out").rglob("*.zip"))), files, "wards again: nothing new to send")

        # Somebody was on the ward after all: the row is corrected while the occasion is open.
        before = {k: int(v["total_number_of_patients_on_ward"]) for k, v in sitrep.items()}
        stay = next(e["resource"] for e in json.loads(get(world.sim["epr"] + "/Encounter?_count=5000"))["entry"]
                    if any(i["system"].endswith("virtual-ward-stay-identifier") for i in e["resource"].get("identifier", []))
                    and e["resource"]["status"] == "finished" and e["resource"]["period"]["end"] < census and len(e["resource"]["location"]) == 1)
        stay["status"] = "in-progress"
        del stay["period"]["end"]
        status = put(f"{world.sim['epr']}/Encounter/{stay['id']}", stay)
        checks.check(status in (200, 201), f"wards: PUT was answered with {status}")
        text, code = world.run_until_drained()
        checks.equal((code, closing(text).get("unaccounted")), (0, 0), "wards corrected: account")
        after = {k: int(v["total_number_of_patients_on_ward"]) for k, v in sitrep_of(world).items()}
        checks.equal(sum(after.values()), sum(before.values()) + 1, "wards corrected: one patient more")
    finally:
        world.close()
