"""What the tests against outside systems share: starting and ending one, and talking HTTP to it. Standard library only."""
import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from world import wait_for  # noqa: E402,F401 (the tests take it from here)


class Peer:
    """A process of an outside system, with its state and log in a folder of its own; wait_ready() before use, stop() after."""

    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / f"{name}.log"
        self.started = time.time()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **(env or {})})

    def wait_ready(self, ready, seconds):
        """`ready` is called until it is true. Ends the test when the peer ends, or is not ready in time."""
        while time.time() < self.started + seconds:
            if self.process.poll() is not None:
                break
            try:
                if ready():
                    print(f"{self.name}: ready after {time.time() - self.started:.1f} s", flush=True)
                    return
            except OSError:
                pass
            time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"{self.name} was not ready in {seconds} s: {self.log_path.read_text(errors='replace')[-1500:]}")

    def stop(self):
        """Returns when the process has ended: some live on for seconds after SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


def http(method, url, body=None, headers=None, timeout=60, context=None):
    """(status, headers, body) whatever the status is."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def fhir(method, url, resource=None, timeout=120):
    """(status, resource) of an exchange with a FHIR server."""
    headers = {"Accept": "application/fhir+json"}
    if resource is not None:
        headers["Content-Type"] = "application/fhir+json"
    status, _, body = http(method, url, json.dumps(resource) if resource is not None else None, headers, timeout)
    return status, json.loads(body) if body.startswith(b"{") else None


def _store(world):
    return sqlite3.connect(next((world.folder / "state").glob("*.db")))


def journal_counts(world):
    """Current resources by type, as the store of a gateway that has ended holds them."""
    with contextlib.closing(_store(world)) as database:
        return dict(database.execute("SELECT name.text, count(*) FROM resource JOIN name ON name.id = resource.type_id "
                                     "WHERE resource.seq > 0 AND resource.deleted = 0 GROUP BY 1"))


def reconciled(world, seconds=60):
    """The account of a gateway that is started for it alone and stopped again; "refused" holds what it refused, one by one."""
    gateway = world.start_gateway()
    try:
        if not wait_for(lambda: world.status(), seconds):
            raise RuntimeError("the gateway did not start")
        counts = world.reconcile()
        counts["refused"] = world.refused()
        return counts
    finally:
        gateway.terminate()
        gateway.wait(60)


def fates(world):
    """"Type/id" → (outcome, rule) of each resource that the store of a gateway that has ended holds now."""
    outcomes = ("waiting", "delivered", "filtered", "quarantined", "deleted")
    with contextlib.closing(_store(world)) as database:
        rows = database.execute("SELECT type.text, resource.resource_id, resource.outcome, rule.text FROM resource "
                                "JOIN name type ON type.id = resource.type_id LEFT JOIN name rule ON rule.id = resource.rule_id WHERE resource.seq > 0")
        return {f"{kind}/{name}": (outcomes[outcome], rule) for kind, name, outcome, rule in rows}


def account_for(checks, world, name):
    """Every version that came has one fate, in the sums of each source. Returns what reconciled() gives."""
    counts = reconciled(world)
    for source, c in counts["sources"].items():
        checks.equal(c["received"], c["journalled"] + c["duplicates"], f"{name}: what {source} received")
        checks.equal(c["journalled"], c["current"] + c["superseded"] + c["stale"], f"{name}: what is journalled of {source}")
        checks.equal(c["current"], c["delivered"] + c["filtered"] + c["quarantined"] + c["deleted"] + c["waiting"], f"{name}: what {source} holds now")
    checks.equal(sum(c["waiting"] for c in counts["sources"].values()), 0, f"{name}: resources that still wait")
    checks.equal(counts["unaccounted"], 0, f"{name}: unaccounted")
    checks.equal(counts["differences"], [], f"{name}: differences")
    return counts
