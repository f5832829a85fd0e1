#!/usr/bin/env python3
"""Delivers through NHS England's MESH sandbox with full authentication, and answers as the national side would."""
import argparse
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from national import Mailbox, Submission  # noqa: E402
from peer import Peer, account_for, http, wait_for  # noqa: E402
from world import Checks, World, closing, free_port  # noqa: E402

OURS, THEIRS, WORKFLOW = "X26ABC1", "X26ABC2", "TEST_WORKFLOW"


def certificates(folder):
    """An authority, a server's and a client's certificate, for an hour or so."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    folder.mkdir()
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, extra in (("server", "subjectAltName=IP:127.0.0.1,DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(f"{extra}\nkeyUsage=critical,digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
                "-out", f"{name}.pem")
    return folder


class Sandbox:
    def __init__(self, uvicorn, folder, certs=None):
        port = free_port()
        self.certs = certs
        self.url = f"{'https' if certs else 'http'}://127.0.0.1:{port}"
        self.context = None
        tls = []
        if certs:
            self.context = ssl.create_default_context(cafile=certs / "ca.pem")
            self.context.load_cert_chain(certs / "client.pem", certs / "client.key")
            tls = ["--ssl-keyfile", str(certs / "server.key"), "--ssl-certfile", str(certs / "server.pem"), "--ssl-ca-certs", str(certs / "ca.pem"),
                   "--ssl-cert-reqs", "2"]
        self.peer = Peer("mesh-sandbox", [uvicorn, "mesh_sandbox.api:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
                                          "--log-level", "warning", *tls], folder,
                         {"AUTH_MODE": "full", "STORE_MODE": "memory", "SHARED_KEY": "TestKey"})
        self.peer.wait_ready(lambda: http("GET", self.url + "/health", context=self.context)[0] == 200, 60)
        self.national = Mailbox(self.url, THEIRS, context=self.context)

    def world(self, binary, extra="", linger="50ms"):
        if self.certs:
            extra += "".join(f'{key} = "{self.certs / name}"\n' for key, name in (("ca_file", "ca.pem"), ("certificate_file", "client.pem"), ("key_file", "client.key")))
        return World(binary, patients=None, source="files", destination_extra=extra, linger=linger,
                     sim={"mesh": self.url, "mailbox": OURS, "recipient": THEIRS, "workflow": WORKFLOW})

    def reset(self):
        http("DELETE", self.url + "/messageexchange/admin/reset", context=self.context)


def fill(world, caseload):
    for path in sorted(caseload.glob("*.ndjson")):
        world.drop_file(path.name, path.read_text())


def journal_first(world):
    """Takes all in before anything is projected: then no row is sent a second time because something came later."""
    gateway = world.start_gateway("--until-drained", "--journal-only")
    gateway.communicate(timeout=60)


def lane(world):
    return world.status()["destinations"][0]


def ledger(counts):
    """Live rows by table name."""
    return {name.rsplit("/", 1)[-1]: rows for name, rows in counts["rowsByTable"].items() if rows}


class Delivery:
    """One delivery of the caseload: the gateway runs, the test reads and answers until all rows have their answer."""

    def __init__(self, checks, sandbox, binary, caseload, name, extra="", reject=0):
        self.checks, self.sandbox, self.name = checks, sandbox, name
        self.world = sandbox.world(binary, extra)
        self.submissions, self.chunks, self.rejected = [], [], reject
        sandbox.reset()
        fill(self.world, caseload)
        journal_first(self.world)

    def answer_next(self):
        """Takes one message, checks it, answers it."""
        for message in self.sandbox.national.inbox():
            headers, content, chunks = self.sandbox.national.download(message)
            submission = Submission(headers, content)
            self.checks.equal(submission.problems, [], f"{self.name}: {submission.name}")
            self.checks.check(submission.checksum_holds, f"{self.name}: the checksum of {submission.name}")
            self.checks.equal((headers["Mex-WorkflowID"], headers["Mex-From"]), (WORKFLOW, OURS), f"{self.name}: workflow and sender")
            self.sandbox.national.acknowledge(message)
            self.submissions.append(submission)
            self.chunks.append(chunks)
            rejected = []
            if self.rejected:
                table = max((key for key in submission.rows if key[1] == "upsert" and key[0] != "CYP000Header"), key=lambda key: len(submission.rows[key]))
                rejected = [(*table, 1 + n) for n in range(min(self.rejected, len(submission.rows[table])))]
                self.rejected -= len(rejected)
            self.sandbox.national.send(OURS, WORKFLOW + "_ACK", submission.inf_ack(), submission.id, "InfAck")
            self.sandbox.national.send(OURS, WORKFLOW + "_ACK", submission.bus_ack(rejected), submission.id, "BusAck")

    def run(self, rejected=0):
        gateway = self.world.start_gateway("--until-drained")
        end = time.time() + 90
        while gateway.poll() is None and time.time() < end:
            self.answer_next()
            time.sleep(0.1)
        if gateway.poll() is None:
            self.checks.check(False, f"{self.name}: it did not drain: {self.world.status()}")
            gateway.kill()
        account, _ = gateway.communicate()
        counts = closing(account)
        self.checks.equal(gateway.returncode, 0, f"{self.name}: exit code")
        self.checks.equal(counts.get("unaccounted"), 0, f"{self.name}: unaccounted")
        self.checks.equal(counts.get("rejected"), rejected, f"{self.name}: rows rejected")
        self.checks.equal(counts.get("accepted"), counts.get("rows", 0) - rejected, f"{self.name}: rows accepted")
        self.checks.check(counts.get("rows", 0) > 100, f"{self.name}: only {counts.get('rows')} rows")
        held = {}
        for submission in self.submissions:
            for (table, action), rows in submission.rows.items():
                held[table] = held.get(table, 0) + (len(rows) if action == "upsert" else -len(rows))
        header = [table for table in held if table.startswith("CYP000")]
        self.checks.equal(len(header), 1, f"{self.name}: tables of the header")
        for table in header:
            del held[table]
        reconciliation = account_for(self.checks, self.world, self.name)
        self.checks.equal(held, ledger(reconciliation), f"{self.name}: rows that the national side received and rows of the ledger")
        print(f"{self.name}: {sum(held.values())} rows in {len(self.submissions)} submissions, {sum(self.chunks)} chunks, {rejected} rejected", flush=True)


def deliveries(checks, binary, uvicorn, folder, caseload):
    runs = [("csv", "", 1, 1), ("ndjson", 'format = "ndjson"\n', 1, 1), ("csv in chunks", "chunk_bytes = 3000\n", 0, 3),
            ("ndjson in chunks", 'format = "ndjson"\nchunk_bytes = 20000\n', 0, 3)]
    sandbox = Sandbox(uvicorn, folder / "plain")
    try:
        for name, extra, reject, most in runs:
            one = Delivery(checks, sandbox, binary, caseload, name, extra, reject)
            try:
                one.run(reject)
                checks.check(max(one.chunks, default=0) >= most, f"{name}: at most {max(one.chunks, default=0)} chunks in a message")
            finally:
                one.world.close()
        wrong_password(checks, sandbox, binary, caseload)
        report(checks, sandbox, binary, caseload)
    finally:
        sandbox.peer.stop()


def over_tls(checks, binary, uvicorn, folder, caseload):
    certs = certificates(folder / "certificates")
    sandbox = Sandbox(uvicorn, folder / "tls", certs)
    try:
        one = Delivery(checks, sandbox, binary, caseload, "mutual TLS")
        try:
            one.run()
        finally:
            one.world.close()
        # Without a client certificate there is no connection, and the operator is told.
        world = World(binary, patients=None, source="files", destination_extra=f'ca_file = "{certs / "ca.pem"}"\n',
                      sim={"mesh": sandbox.url, "mailbox": OURS, "recipient": THEIRS, "workflow": WORKFLOW})
        gateway = world.start_gateway()
        try:
            checks.check(wait_for(lambda: not lane(world)["healthy"] and lane(world)["lastError"], 20), "TLS without a client certificate is not told")
        finally:
            gateway.terminate()
            gateway.wait(30)
            world.close()
    finally:
        sandbox.peer.stop()


def wrong_password(checks, sandbox, binary, caseload):
    sandbox.reset()
    world = sandbox.world(binary)
    fill(world, caseload)
    journal_first(world)
    world.env["TEST_PASSWORD"] = "not the password"
    gateway = world.start_gateway()
    try:
        checks.check(wait_for(lambda: not lane(world)["healthy"] and "403" in lane(world)["lastError"], 20), f"wrong password: the status is {lane(world)}")
        shown = subprocess.run([binary, "status", "-c", str(world.config)], capture_output=True, text=True, timeout=30, env=world.env).stdout
        line = next((text for text in shown.splitlines() if text.startswith("national")), "")
        checks.check("403" in line and "!" in line, f"wrong password: tributary status shows {line!r}")
        checks.check(wait_for(lambda: lane(world)["submissions"] > 0, 30), "wrong password: no submission was made")
        time.sleep(1)
        checks.equal(sandbox.national.inbox(), [], "wrong password: messages that arrived")
        status = world.status()
        checks.check(status["destinations"][0]["accepted"] == 0 and not status["drained"], "wrong password: rows are called accepted")
        log = (world.folder / "gateway.log").read_text()
        checks.check("not the password" not in log + json.dumps(status) and "TestKey" not in log, "wrong password: a secret is shown")
    finally:
        gateway.terminate()
        gateway.wait(30)
    # With the right one, what waited goes.
    world.env["TEST_PASSWORD"] = "password"
    one = Delivery.__new__(Delivery)
    one.checks, one.sandbox, one.name, one.world = checks, sandbox, "password put right", world
    one.submissions, one.chunks, one.rejected = [], [], 0
    try:
        one.run()
    finally:
        world.close()


def report(checks, sandbox, binary, caseload):
    """MESH reports that a message could not be delivered: its rows are not accepted, and the operator sees why."""
    sandbox.reset()
    world = sandbox.world(binary, linger="3s")  # all in one submission
    fill(world, caseload)
    journal_first(world)
    gateway = world.start_gateway()
    try:
        checks.check(wait_for(lambda: sandbox.national.inbox(), 60), "report: no message arrived")
        message = sandbox.national.inbox()[0]
        headers, _, _ = sandbox.national.download(message)
        body = {"mailbox_id": OURS, "code": "14", "description": "Message not collected by recipient after 5 days", "workflow_id": WORKFLOW,
                "subject": headers["Mex-Subject"], "local_id": headers["Mex-LocalID"], "status": "error", "file_name": headers["Mex-FileName"],
                "linked_message_id": message}
        status, _, answer = http("POST", sandbox.url + "/messageexchange/admin/report", json.dumps(body), {"Content-Type": "application/json"})
        checks.check(status in (200, 201, 202), f"report: the sandbox answered {status}: {answer[:200]}")
        checks.check(wait_for(lambda: "14" in lane(world)["lastError"], 30), f"report: the status shows {lane(world)}")
        states = world.reconcile()["destinations"]["national"]
        checks.check(states.get("failed", 0) > 50 and states.get("accepted", 0) == 0, f"report: the rows are {states}")
        checks.check(wait_for(lambda: Mailbox(sandbox.url, OURS).inbox() == [], 20), "report: it was not acknowledged")
    finally:
        gateway.terminate()
        gateway.wait(30)
        world.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--uvicorn", required=True)
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tributary-sandbox-") as folder:
        folder = pathlib.Path(folder)
        caseload = folder / "caseload"
        subprocess.run([options.bin, "synth", "--patients", "40", "-o", str(caseload)], check=True, stdout=subprocess.DEVNULL)
        for part in (deliveries, over_tls):
            try:
                part(checks, options.bin, options.uvicorn, folder, caseload)
            except Exception as error:  # what the peer or the gateway does is a finding; the closing line must come
                checks.check(False, f"{part.__name__}: {type(error).__name__}: {error}")
    checks.finish()


main()
