"""The two worlds that the crash test kills a gateway in. Between them a gateway comes to every fault point."""
import csv
import datetime
import hashlib
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from world import World, get  # noqa: E402


def request(url, body=None, method="POST", kind="application/fhir+json", timeout=20):
    """(status, text), or (0, reason) where nobody answered to the end: a gateway that was killed meanwhile."""
    asked = urllib.request.Request(url, data=body.encode() if body is not None else None, method=method, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)
    except Exception as error:  # http.client: the answer was cut off
        return 0, str(error)


def caseload(binary, folder, patients, seed, form):
    subprocess.run([binary, "synth", "--patients", str(patients), "--seed", str(seed), "--out", str(folder), "--format", form],
                   check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.iterdir())


class Side:
    """What the two have in common: a world, what is fed to it bit by bit, and a caller for while the gateway lives."""

    def __init__(self, world):
        self.world = world
        self.fed = 0

    def before(self, point):
        """What the point needs to be come to at all."""

    def ready(self, gateway, seconds=20):
        """True once the gateway answers; False when it ended first."""
        deadline = time.time() + seconds
        while gateway.poll() is None and time.time() < deadline:
            if request(f"http://127.0.0.1:{self.world.admin_port}/readyz", method="GET", timeout=2)[0] == 200:
                return True
            time.sleep(0.01)
        return False

    def ask(self, gateway, path, enough, seconds):
        """Posts to the admin side until it says `enough`, or the gateway has ended."""
        deadline = time.time() + seconds
        while gateway.poll() is None and time.time() < deadline:
            status, text = request(f"http://127.0.0.1:{self.world.admin_port}{path}")
            if enough(status, text):
                return True
            time.sleep(0.05)
        return False


# The caseload stands on one day in both runs, also when midnight comes in between.
LAST_DAY = ("--day", (datetime.date.today() - datetime.timedelta(days=1)).isoformat())


class Pulled(Side):
    """Search with subscriptions, and a watched folder; MESH in small chunks."""

    title = "search, subscriptions and files to MESH"
    # The points that only this world comes to; those that are named in neither are met in both.
    own = ("ingest.search.", "ingest.subscription.", "ingest.files.", "deliver.mesh.", "store.set_outcomes.")

    def __init__(self, binary, parts):
        self.patients = max(40, parts)
        super().__init__(World(binary, patients=self.patients, seed=3, simulator_args=LAST_DAY, source="files+search",
                               source_extra="subscribe = true\n", destination_extra="chunk_bytes = 3000\nkeep_days = 0\n"))
        lines = []
        for file in caseload(binary, self.world.folder / "synth", self.patients, 7, "ndjson"):
            # Other patients and staff than the server's: two sources that hold the same person are another matter.
            text = re.sub(r"\b([pLSCAPG])0(\d{6})", r"\g<1>5\2", file.read_text())
            lines += re.sub(r"\bW0(\d{4})\b", r"W5\1", text.replace("prac-", "prac5-")).splitlines()
        size = -(-len(lines) // parts)
        self.parts = ["\n".join(lines[i:i + size]) + "\n" for i in range(0, len(lines), size)]
        self.edits = []
        bundle = json.loads(get(f"{self.world.sim['epr']}/Encounter?_count=500"))
        self.encounters = [e["resource"] for e in bundle["entry"] if e["resource"].get("status") == "finished"]

    def feed(self):
        if self.fed < len(self.parts):
            self.world.drop_file(f"part-{self.fed:04}.ndjson", self.parts[self.fed])
            self.fed += 1

    def meanwhile(self, gateway, point):
        """A change at the source while the gateway listens: it comes back as a notification."""
        if (point is None or point.startswith("ingest.subscription.") or self.fed % 3 == 0) and self.ready(gateway):
            self.wait_for_subscription(gateway)
            number = len(self.edits)
            changed = dict(self.encounters[number % len(self.encounters)],
                           length={"value": 11 + number, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"})
            self.edits.append(changed)
            self.edit(self.world, changed)

    def wait_for_subscription(self, gateway):
        deadline = time.time() + 10
        while gateway.poll() is None and time.time() < deadline:
            status, text = request(f"http://127.0.0.1:{self.world.admin_port}/status", method="GET", timeout=5)
            if status == 200 and any(s["type"] == "Encounter" and s["state"] == "active" for s in json.loads(text)["subscriptions"]):
                return
            time.sleep(0.02)

    @staticmethod
    def edit(world, encounter):
        status, text = request(f"{world.sim['epr']}/Encounter/{encounter['id']}", json.dumps(encounter), method="PUT")
        if status not in (200, 201):
            raise RuntimeError(f"the simulator answered a PUT with {status} {text[:200]}")

    def finish(self):
        while self.fed < len(self.parts):
            self.feed()
        return self.world.run_until_drained(timeout=600)

    def calm(self, binary):
        """The same input, the changes at the source made beforehand, without a single kill: (world, account, code)."""
        world = World(binary, patients=self.patients, seed=3, simulator_args=LAST_DAY, source="files+search")
        for number, text in enumerate(self.parts):
            world.drop_file(f"part-{number:04}.ndjson", text)
        for changed in self.edits:
            self.edit(world, changed)
        return world, *world.run_until_drained(timeout=600)

    def check(self, checks, counts):
        national = self.world.national()
        checks.equal(national["held"], counts.get("accepted"), f"{self.title}: rows that the national side holds, and those the ledger calls accepted")
        checks.equal(national["twice"], 0, f"{self.title}: rows or files delivered twice")

    def check_calm(self, checks, world):
        mine, calm = ([w.national()["tables"][t]["current"] for t in sorted(w.national()["tables"]) if t != "CYP000"] for w in (self.world, world))
        checks.equal(mine, calm, f"{self.title}: rows held of each table, and without any kill")

    def close(self, keep):
        self.world.close(keep)


class Receiver(threading.Thread):
    """Reads a folder destination's files and answers them. Holds each row that it has accepted, to see what comes twice."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder = folder
        self.refuse_next = self.reject_next = False
        self.refused = []            # submission numbers of refused files
        self.rejected_rows = 0
        self.held, self.twice, self.changed = set(), [], []
        self.kept = set()            # rows that a refused file would have deleted: they may be sent anew
        self._seen = {}
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.02):
            self.look()

    def stop(self):
        self._over.set()
        self.join()

    def look(self):
        for path in sorted(self.folder.glob("*.zip"), key=lambda p: int(p.name.split("-")[0])):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if path.name in self._seen:
                if self._seen[path.name] != digest:
                    self.changed.append(path.name)
                continue
            self._seen[path.name] = digest
            self.take(path)

    def take(self, path):
        identity = path.name.removesuffix(".zip")
        if self.refuse_next:
            self.refuse_next = False
            self.kept.update(key for _, deletes, _, key in self.rows(path) if deletes)
            self.refused.append(int(identity.split("-")[0]))
            return self.answer(identity, "InfAck", outcome="rejected", responseCode="10001", responseDisplay="refused for the test")
        self.answer(identity, "InfAck", outcome="accepted", responseCode="20013", responseDisplay="Success")
        failures, total = [], 0
        for table, deletes, number, key in self.rows(path):
            total += 1
            if table.startswith("CYP000"):
                continue
            if self.reject_next and not deletes:
                self.reject_next = False
                self.rejected_rows += 1
                failures.append({"table": table, "rowNumber": number, "action": "upsert", "outcome": "rejected", "responseCode": "TEST1",
                                 "severity": "error", "diagnostics": "rejected for the test"})
            elif deletes:
                self.held.discard(key)
                self.kept.discard(key)
            elif key in self.held and key not in self.kept:
                self.twice.append(table)
            else:
                self.held.add(key)
                self.kept.discard(key)
        self.answer(identity, "BusAck", failures=failures,
                    summary={"totalRecords": total, "succeeded": total - len(failures), "failed": len(failures)})

    @staticmethod
    def rows(path):
        """Table, whether it deletes, number and content of each row of a file."""
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".csv"):
                    table, deletes = name.removesuffix(".csv").removesuffix("_deleted"), name.endswith("_deleted.csv")
                    for number, row in enumerate(list(csv.reader(io.StringIO(archive.read(name).decode())))[1:], 1):
                        yield table, deletes, number, (table, *row)

    def answer(self, identity, kind, **more):
        text = json.dumps({"type": kind, "system": "crash test", "version": 1, "filename": identity + ".zip", "submissionId": identity, **more})
        part = self.folder / "receipts" / f".{identity}-{kind}.part"
        part.write_text(text)
        part.rename(part.with_name(f"{identity}-{kind}.receipt.json"))


class Pusher(threading.Thread):
    """A client as it should be: what was not answered with 2xx is sent again until it is."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url
        self.waiting, self.again = [], 0
        self._lock = threading.Condition()
        self._over = False

    def send(self, text):
        with self._lock:
            self.waiting.append(text)
            self._lock.notify()

    def idle(self):
        with self._lock:
            return not self.waiting

    def run(self):
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self.waiting or self._over)
                if self._over:
                    return
                text = self.waiting[0]
            status, answer = request(self.url, text)
            if 200 <= status < 300 and "400 Bad Request" not in answer:
                with self._lock:
                    self.waiting.pop(0)
            else:
                self.again += 1
                time.sleep(0.03)

    def stop(self):
        with self._lock:
            self._over = True
            self._lock.notify()
        self.join()


ROWS_AGAIN = ("store.requeue_rows.before_commit", "pipeline.requeue_rows.before")


class Pushed(Side):
    """Push by a client that does not give up; a folder whose receiver answers, now and then with a refusal."""

    title = "push to a folder"
    own = ("ingest.push.", "deliver.folder.", "pipeline.requeue_rows.", "store.requeue", "store.audit.", "store.mark_dirty.", "store.migrate.",
           "store.place.")

    def __init__(self, binary, parts):
        super().__init__(self._world(binary))
        files = caseload(binary, self.world.folder / "synth", max(20, parts), 11, "bundle")
        # What others refer to first, then patient by patient: no row is delivered before it is whole.
        self.bundles = [next(f for f in files if f.name == "shared.json").read_text()] + [f.read_text() for f in files if f.name != "shared.json"]
        self.mapping, self.staff = 0, True
        repository = pathlib.Path(__file__).resolve().parent.parent.parent
        for part in ("fhir-mappings", "profiles"):
            shutil.copytree(repository / part, self.world.folder / part)
        self.manifest = self.world.folder / "fhir-mappings/csds/1.6/collection.json"
        self.shipped = self.manifest.read_text()
        self.world.config.write_text(self.world.config.read_text().replace("[collection]", '[collection]\nmappings = "fhir-mappings"'))
        self.receiver, self.pusher = self._helpers(self.world)

    @staticmethod
    def _world(binary):
        return World(binary, patients=None, source="push", destination="folder", destination_extra='expect_receipts = true\npoll = "100ms"\nkeep_days = 0\n')

    @staticmethod
    def _helpers(world):
        (world.folder / "out" / "receipts").mkdir(parents=True)
        helpers = Receiver(world.folder / "out"), Pusher(f"http://127.0.0.1:{world.listen_port}/fhir")
        for helper in helpers:
            helper.start()
        return helpers

    def feed(self):
        if self.fed < len(self.bundles):
            self.pusher.send(self.bundles[self.fed])
            self.fed += 1

    def before(self, point):
        """What the point needs to be come to at all."""
        if point == "store.mark_dirty.before_commit":  # another value of a setting: another generation of the mappings
            self.mapping += 1
            text = re.sub(r'primary_system = ".*"', f'primary_system = "Tributary test {self.mapping}"', self.world.config.read_text())
            self.world.config.write_text(text)
        if point == "store.place.before_commit":  # staff have subjects of their own no more, or again
            self.have_staff(not self.staff)
        if point == "store.requeue.before_commit":
            self.receiver.refuse_next = True
        if point in ROWS_AGAIN:
            self.receiver.reject_next = True

    def meanwhile(self, gateway, point):
        if point is None or not point.startswith(("store.requeue", "store.audit.", "pipeline.requeue_rows.")) or not self.ready(gateway):
            return
        if point in ROWS_AGAIN:
            self.requeue_rows(gateway, 15)
        elif point == "store.requeue.before_commit":
            deadline = time.time() + 15
            while not self.receiver.refused and gateway.poll() is None and time.time() < deadline:
                time.sleep(0.02)
            self.requeue_files(gateway, 15)
        else:
            request(f"http://127.0.0.1:{self.world.admin_port}/destinations/national/requeue?rule=TEST1")

    def have_staff(self, staff):
        """Another collection, which has rows of staff or has none."""
        self.staff = staff
        collection = json.loads(self.shipped)
        if not staff:
            next(table for table in collection["tables"] if table["table"] == "CYP901StaffDetails")["sources"] = []
        self.manifest.write_text(json.dumps(collection))

    def requeue_rows(self, gateway, seconds):
        moved = lambda status, text: status == 200 and json.loads(text)["rows"] > 0
        return self.ask(gateway, "/destinations/national/requeue?rule=TEST1", moved, seconds)

    def requeue_files(self, gateway, seconds):
        while self.receiver.refused:
            number = self.receiver.refused[0]
            if not self.ask(gateway, f"/submissions/{number}/requeue", lambda status, _: status == 200, seconds):
                return
            self.receiver.refused.pop(0)

    def finish(self):
        """Everything pushed, every refusal sent again, then drained."""
        while self.fed < len(self.bundles):
            self.feed()
        self.receiver.refuse_next = self.receiver.reject_next = False
        self.have_staff(True)
        gateway = self.world.start_gateway()
        deadline = time.time() + 300
        while time.time() < deadline:
            self.requeue_files(gateway, 5)
            request(f"http://127.0.0.1:{self.world.admin_port}/destinations/national/requeue?rule=TEST1")
            status, text = request(f"http://127.0.0.1:{self.world.admin_port}/reconcile", method="GET")
            rejected = json.loads(text)["destinations"]["national"].get("rejected", 0) if status == 200 else 1
            if self.pusher.idle() and not self.receiver.refused and rejected == 0 and status == 200 and self.world.status()["drained"]:
                break
            time.sleep(0.1)
        gateway.terminate()
        gateway.wait(60)
        return self.world.run_until_drained(timeout=300)

    def calm(self, binary):
        world = self._world(binary)
        world.config.write_text(re.sub(r'primary_system = ".*"', f'primary_system = "Tributary test {self.mapping}"', world.config.read_text()))
        self.calm_receiver, pusher = self._helpers(world)
        gateway = world.start_gateway()
        for text in self.bundles:
            pusher.send(text)
        deadline = time.time() + 300
        while time.time() < deadline and not pusher.idle():
            time.sleep(0.1)
        pusher.stop()
        gateway.terminate()
        gateway.wait(60)
        done = world.run_until_drained(timeout=300)
        self.calm_receiver.stop()
        return world, *done

    def check(self, checks, counts):
        self.receiver.look()
        checks.equal(len(self.receiver.held), counts.get("accepted"), f"{self.title}: rows that the receiver holds, and those the ledger calls accepted")
        checks.equal((self.receiver.twice, self.receiver.changed), ([], []), f"{self.title}: rows delivered twice, files written twice with other contents")
        checks.check(self.pusher.idle(), f"{self.title}: {len(self.pusher.waiting)} pushes were never taken")

    def check_calm(self, checks, _):
        checks.equal(len(self.receiver.held ^ self.calm_receiver.held), 0, f"{self.title}: rows held here or without any kill, but not in both")

    def close(self, keep):
        self.pusher.stop()
        self.receiver.stop()
        self.world.close(keep)
