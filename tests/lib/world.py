"""A simulator and gateways on free ports, for the tests that look at the whole. Python 3 standard library only."""
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request


_given = set()


def free_port():
    """A port that nobody has, given once. It lies below the range from which the system serves outgoing connections (and bind to
    port 0), so that no other process comes by it before the gateway listens there."""
    dice = random.SystemRandom()
    while True:
        port = dice.randint(15000, 31999)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def get(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


class World:
    """One folder, one simulator, one configuration; start_gateway() as often as wanted."""

    SETTINGS = {"provider": "RZZ", "submitter": "RZZ", "primary_system": "Tributary test", "commissioner": "99Z01"}

    def __init__(self, binary, patients=200, seed=1, simulator_args=(), source="files", linger="50ms", destination="mesh", destination_extra="",
                 gateway_extra="", source_extra="", sim=None, collection="csds/1.6", collection_extra="", settings=None):
        """`sim`: addresses that stand in for the simulator's (epr, mesh, mailbox, recipient, workflow), for outside systems."""
        self.binary = str(binary)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-test-"))
        self.log = open(self.folder / "gateway.log", "ab")
        self.simulator = None
        self.sim = {}
        if patients is not None:
            self._start_simulator(patients, seed, simulator_args)
        self.sim.update(sim or {})
        self.drop = self.folder / "drop"
        (self.drop / "in").mkdir(parents=True)
        self.admin_port, self.listen_port = free_port(), free_port()
        self.config = self.folder / "gateway.toml"
        settings = "".join(f'{k} = "{v}"\n' for k, v in (settings or self.SETTINGS).items())
        sources = {
            "files": '[[source]]\nname = "drop"\nkind = "files"\nfolder = "drop"\n',
            "push": '[[source]]\nname = "push"\nkind = "push"\n',
            "search": f'[[source]]\nname = "epr"\nkind = "search"\nurl = "{self.sim.get("epr", "")}"\ninterval = "500ms"\n' + source_extra,
        }
        destinations = {
            "mesh": f'kind = "mesh"\nurl = "{self.sim.get("mesh", "")}"\nmailbox = "{self.sim.get("mailbox", "")}"\n'
                    f'recipient = "{self.sim.get("recipient", "")}"\nworkflow = "{self.sim.get("workflow", "TEST_COLLECTION")}"\n'
                    'password = { env = "TEST_PASSWORD" }\nshared_key = { env = "TEST_KEY" }\npoll = "100ms"\n',
            "folder": 'kind = "folder"\nfolder = "out"\n',
        }
        self.config.write_text(
            f'[gateway]\nstate = "state"\nlisten = "127.0.0.1:{self.listen_port}"\nadmin = "127.0.0.1:{self.admin_port}"\n{gateway_extra}'
            f'[collection]\nid = "{collection}"\n{collection_extra}[collection.settings]\n{settings}'
            + "".join(sources[s] for s in source.split("+"))
            + f'[[destination]]\nname = "national"\nlinger = "{linger}"\n' + destinations[destination] + destination_extra)
        self.env = dict(os.environ, TEST_PASSWORD="password", TEST_KEY="TestKey")

    def _start_simulator(self, patients, seed, extra):
        out = open(self.folder / "simulator.json", "wb")
        self.simulator = subprocess.Popen(
            [self.binary, "simulate", "--epr-port", "0", "--mesh-port", "0", "--patients", str(patients), "--seed", str(seed), *extra],
            stdout=out, stderr=open(self.folder / "simulator.log", "wb"))
        deadline = time.time() + 60
        while time.time() < deadline:
            text = (self.folder / "simulator.json").read_text()
            if text.strip().endswith("}"):
                self.sim = json.loads(text)
                return
            if self.simulator.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the simulator did not start: " + (self.folder / "simulator.log").read_text()[-2000:])

    def start_gateway(self, *args, fault=None):
        env = dict(self.env)
        if fault:
            env["TRIBUTARY_FAULT"] = fault
        return subprocess.Popen([self.binary, "run", "-c", str(self.config), *args], stdout=subprocess.PIPE, stderr=self.log, env=env, text=True)

    def run_until_drained(self, timeout=300):
        """The closing account as text and the exit code."""
        gateway = self.start_gateway("--until-drained")
        try:
            out, _ = gateway.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            status = "no status"
            try:
                status = get(f"http://127.0.0.1:{self.admin_port}/status")
            except OSError:
                pass
            gateway.kill()
            gateway.communicate()
            return f"it did not drain in {timeout} s: {status}", 99
        return out, gateway.returncode

    def set_calendar(self, windows):
        """A calendar of the test's own: `windows` is {(month, kind): (opens, closes)}; any other window closed long ago, but the refresh of a
        month whose primary is given comes in the far future."""
        month, published = datetime.date.today().replace(day=1), []
        for _ in range(30):
            for kind, closed in (("primary", ("2000-01-01", "2000-01-02")), ("refresh", ("2000-02-01", "2000-02-02"))):
                if kind == "refresh" and (month.strftime("%Y-%m"), "primary") in windows:
                    closed = ("2098-01-01", "2098-01-02")
                opens, closes = windows.get((month.strftime("%Y-%m"), kind), closed)
                published.append({"period": month.strftime("%Y-%m"), "kind": kind, "opens": str(opens), "closes": str(closes)})
            month = (month - datetime.timedelta(days=1)).replace(day=1)
        (self.folder / "calendar.json").write_text(json.dumps({
            "period": "calendar-month", "confidence": "of a test", "published": published,
            "fallback": {"confidence": "of a test", "closingDay": 1, "primaryMonthsAfter": 1, "refreshMonthsAfter": 24}}, indent=1))
        text = self.config.read_text()
        if "calendar =" not in text:
            self.config.write_text(text.replace('id = "csds/1.6"\n', 'id = "csds/1.6"\ncalendar = "calendar.json"\n'))

    def command(self, *args):
        """Output and exit code of a command line."""
        done = subprocess.run([self.binary, *map(str, args)], env=self.env, capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr, done.returncode

    def drop_file(self, name, text):
        part = self.drop / "in" / ("." + name)
        part.write_text(text)
        part.rename(self.drop / "in" / name)

    def national(self):
        """The national side's own account; `held` is the rows it holds now (the header of each file is not one)."""
        summary = json.loads(get(self.sim["national"]))
        tables = {code: tally for code, tally in summary["tables"].items() if code != "CYP000"}
        for what in ("accepted", "rejected", "current"):
            summary["held" if what == "current" else what] = sum(tally[what] for tally in tables.values())
        summary["twice"] = summary["repeatedRows"] - summary["tables"].get("CYP000", {}).get("repeated", 0) + summary["duplicateSubmissions"]
        return summary

    def status(self):
        return json.loads(get(f"http://127.0.0.1:{self.admin_port}/status"))

    def reconcile(self):
        return json.loads(get(f"http://127.0.0.1:{self.admin_port}/reconcile", timeout=60))

    def refused(self):
        """What was refused at intake, all of it: where, line, rule, text."""
        found = []
        while True:
            after = found[-1]["id"] if found else 0
            more = json.loads(get(f"http://127.0.0.1:{self.admin_port}/refused?after={after}", timeout=60))["refused"]
            if not more:
                return found
            found += more

    def log_tail(self, size=1500):
        return (self.folder / "gateway.log").read_text(errors="replace")[-size:]

    def close(self, keep=False):
        self.log.close()
        if self.simulator:
            self.simulator.send_signal(signal.SIGTERM)
            try:
                self.simulator.wait(10)
            except subprocess.TimeoutExpired:
                self.simulator.kill()
                self.simulator.wait()
        if keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(what, seconds=60, pause=0.05):
    """Calls `what` until it is true; False when it was not in time. An address that does not answer yet is no error."""
    end = time.time() + seconds
    while time.time() < end:
        try:
            if what():
                return True
        except OSError:
            pass
        time.sleep(pause)
    return False


def closing(text):
    """Counts of a closing line: {'resources': …, 'rows': …, 'accepted': …, 'rejected': …, 'quarantined': …, 'unaccounted': …}."""
    last = [line for line in text.splitlines() if " unaccounted" in line]
    if not last:
        return {}
    counts = {}
    for part in last[-1].split(":", 1)[1].split(","):
        number, word = part.split()
        counts[word] = int(number)
    return counts


class Checks:
    """Counts what held and what did not; says only what did not."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, held, what):
        if held:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)
        return held

    def equal(self, got, wanted, what):
        return self.check(got == wanted, f"{what}: {got!r}, not {wanted!r}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        raise SystemExit(1 if self.failed else 0)
