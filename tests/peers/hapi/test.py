#!/usr/bin/env python3
"""HAPI FHIR JPA as the source. Its data is loaded, changed and deleted by this test while the gateway polls and listens; at
the end the gateway's journal holds what HAPI holds, type by type, and the national side what the ledger calls accepted."""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from peer import Peer, account_for, fhir, journal_counts, wait_for  # noqa: E402
from world import Checks, World, closing, free_port  # noqa: E402

PATIENTS = 45
EARLY = 25       # patients that HAPI holds before the gateway starts
LATE = 3         # that come while the gateway is down


def load(base, bundle):
    """A caseload's Bundle as transactions that HAPI takes in a second or so each."""
    entries = bundle["entry"]
    for at in range(0, len(entries), 250):
        status, answer = fhir("POST", base, {"resourceType": "Bundle", "type": "transaction", "entry": entries[at:at + 250]})
        if status != 200:
            raise RuntimeError(f"HAPI answered a transaction with {status}: {json.dumps(answer)[:800]}")
    return len(entries)


def held(base, kind):
    return fhir("GET", f"{base}/{kind}?_summary=count")[1]["total"]


def some(base, query, count):
    answer = fhir("GET", f"{base}/{query}&_count={count}")[1]
    return [entry["resource"] for entry in answer.get("entry", [])]


class Run:
    def __init__(self, checks, world, base, folder):
        self.checks, self.world, self.base, self.folder = checks, world, base, folder
        self.gateway = None

    def patient(self, number):
        return json.loads((self.folder / f"p{number:07d}.json").read_text())

    def settled(self):
        """All is drained, and stays so over more than two polls: a change that HAPI has committed is seen by then."""
        return self.world.status()["drained"]

    def first_load(self):
        started = time.time()
        count = load(self.base, json.loads((self.folder / "shared.json").read_text()))
        count += sum(load(self.base, self.patient(n)) for n in range(EARLY))
        print(f"loaded {count} resources in {time.time() - started:.1f} s", flush=True)
        self.gateway = self.world.start_gateway()
        self.checks.check(wait_for(lambda: self.settled() and self.world.national()["accepted"] > 100, 90), "the first load did not drain")
        self.subscriptions_active()

    def subscriptions_active(self):
        def all_active():
            ours = {s["type"] for s in self.world.status()["subscriptions"]}
            at_hapi = [s for s in some(self.base, "Subscription?status=active", 100)]
            return len(ours) > 5 and len(at_hapi) == len(ours)
        self.checks.check(wait_for(all_active, 60, 0.5), "HAPI has not made each of the gateway's subscriptions active")

    def changes(self):
        """New patients, changed and deleted encounters, a patient deleted with all that is theirs, one that comes back."""
        before = self.world.national()
        for n in range(EARLY, PATIENTS - LATE):
            load(self.base, self.patient(n))
        encounters = some(self.base, "Encounter?status=finished", 40)
        self.checks.check(len(encounters) >= 20, f"HAPI holds only {len(encounters)} finished encounters")
        for encounter in encounters[:10]:
            minutes = {"value": 77, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
            status, _ = fhir("PUT", f"{self.base}/Encounter/{encounter['id']}", dict(encounter, length=minutes))
            self.checks.equal(status, 200, "PUT of a changed encounter")
        for encounter in encounters[10:16]:
            status, _ = fhir("DELETE", f"{self.base}/Encounter/{encounter['id']}")
            self.checks.equal(status, 200, "DELETE of an encounter")
        back = {k: v for k, v in encounters[15].items() if k != "meta"}
        self.checks.check(fhir("PUT", f"{self.base}/Encounter/{back['id']}", back)[0] in (200, 201), "PUT of a deleted encounter")
        for entry in self.patient(1)["entry"]:
            fhir("DELETE", f"{self.base}/{entry['resource']['resourceType']}/{entry['resource']['id']}")
        self.checks.check(wait_for(lambda: self.world.national()["deleted"] >= before["deleted"] + 5, 60), "the withdrawals did not arrive")
        self.checks.check(wait_for(lambda: self.world.national()["accepted"] >= before["accepted"] + 50, 60), "the new rows did not arrive")

    def notifications(self):
        changed = {"Patient", "Encounter", "ServiceRequest"}

        def proven():
            return changed <= {s["type"] for s in self.world.status()["subscriptions"] if s["proven"] and s["notifications"] > 0}
        self.checks.check(wait_for(proven, 30), "no notification came for " + str(changed))
        subscriptions = self.world.status()["subscriptions"]
        shown = subprocess.run([self.world.binary, "status", "-c", str(self.world.config)], capture_output=True, text=True,
                               timeout=30, env=self.world.env).stdout
        line = next((text for text in shown.splitlines() if "subscription Encounter " in text), "")
        self.checks.check(line and "unproven" not in line, f"tributary status shows the subscription as {line!r}")
        print(f"notifications: {sum(s['notifications'] for s in subscriptions)} over {sum(s['proven'] for s in subscriptions)} "
              f"of {len(subscriptions)} types", flush=True)

    def while_down(self):
        self.gateway.send_signal(signal.SIGTERM)
        self.checks.equal(self.gateway.wait(30), 0, "graceful stop")
        self.gateway = None
        for n in range(PATIENTS - LATE, PATIENTS):
            load(self.base, self.patient(n))
        gone = some(self.base, "Encounter?status=finished", 3)
        for encounter in gone:
            fhir("DELETE", f"{self.base}/Encounter/{encounter['id']}")
        account, code = self.world.run_until_drained(120)
        counts = closing(account)
        print(account.strip().splitlines()[-1], flush=True)
        self.checks.equal(code, 0, "closing run: exit code" + ("" if code == 0 else account[-1500:]))
        self.checks.equal(counts.get("unaccounted"), 0, "closing run: unaccounted")
        return counts

    def compare(self, counts):
        national = self.world.national()
        self.checks.equal(national["held"], counts.get("accepted"), "rows that the national side holds, and those the ledger calls accepted")
        self.checks.equal(national["twice"], 0, "delivered twice")
        self.checks.check(national["deleted"] > 10, f"only {national['deleted']} rows were withdrawn")
        account_for(self.checks, self.world, "hapi")
        journal = journal_counts(self.world)
        self.checks.check(len(journal) > 10, f"the journal holds only these types: {journal}")
        for kind in sorted(self.types | set(journal)):
            self.checks.equal(journal.get(kind, 0), held(self.base, kind), f"{kind}: the journal's and HAPI's count")

    def run(self):
        try:
            self.first_load()
            self.changes()
            self.notifications()
            self.types = {s["type"] for s in self.world.status()["subscriptions"]}
            counts = self.while_down()
        finally:
            if self.gateway:
                self.gateway.kill()
                self.gateway.wait()
        self.compare(counts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--classpath")
    parser.add_argument("--base", help="a HAPI server that runs already and is empty")
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tributary-hapi-") as folder:
        folder = pathlib.Path(folder)
        subprocess.run([options.bin, "synth", "--patients", str(PATIENTS), "--format", "bundle", "-o", str(folder / "caseload")],
                       check=True, stdout=subprocess.DEVNULL)
        peer = None
        base = options.base
        if not base:
            port = free_port()
            base = f"http://127.0.0.1:{port}/fhir"
            peer = Peer("hapi", ["java", "-Xmx1500m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                                 "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", options.classpath, "HapiServer", str(port)], folder)
        world = None
        try:
            if peer:
                peer.wait_ready(lambda: fhir("GET", base + "/metadata")[0] == 200, 180)
            # What HAPI commits late must lie within the overlap of two windows: it stamps a version when it begins.
            world = World(options.bin, patients=1, source="search", sim={"epr": base},
                          source_extra='subscribe = true\noverlap = "15s"\npage_size = 200\n')
            Run(checks, world, base, folder / "caseload").run()
        except Exception as error:  # what the peer or the gateway does is a finding; the closing line must come
            checks.check(False, f"{type(error).__name__}: {error}")
        finally:
            if world:
                if checks.failed:
                    print((world.folder / "gateway.log").read_text(errors="replace")[-3000:], file=sys.stderr)
                world.close()
            if peer:
                peer.stop()
    checks.finish()


main()
