"""Remote ends that say what they should not, or nothing at all."""
import contextlib
import json
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support import post, wait_for
from world import World, closing, get

NHS_NUMBER, NAME = "9990000042", "ZZPLANTEDNAME"
WORDS = f"Patient {NAME}, NHS number {NHS_NUMBER}"
PAGE = f"<html><h1>{WORDS}</h1></html>"


class Remote:
    """A server whose answers the test makes: `answer(method, path, body)` gives (status, headers, body). What it was asked is in `log`."""

    def __init__(self, answer):
        self.log = []
        remote = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                remote.log.append(f"{self.command} {self.path}")
                status, headers, text = answer(self.command, self.path, body)
                data = text.encode()
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(data))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(data)
                except OSError:
                    pass  # whoever asked has gone

            do_GET = do_POST = do_PUT = do_HEAD = serve

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


PATIENT = {"resourceType": "Patient", "id": "a", "birthDate": "1950-02-01", "gender": "female",
           "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
           "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "V81999"}}]}
CAPABILITIES = json.dumps({"resourceType": "CapabilityStatement", "rest": [{"mode": "server"}]})
OUTCOME = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid", "diagnostics": WORDS}]})


def mesh_world(binary, mesh, epr, source="push+search", **more):
    return World(binary, patients=None, source=source, sim={"epr": epr, "mesh": mesh, "mailbox": "OURS", "recipient": "THEIRS", "workflow": "FLOW"}, **more)


def words_of_others(binary, checks):
    """What a source or a receiver answers in words is in no log, status or metric: codes are."""
    refusals = ["error body", "html", "report", "file rejected", "rows rejected"]
    turn, sent = [0], {}

    def epr(method, path, body):
        if path == "/metadata":
            return 200, {}, CAPABILITIES
        if path.startswith("/Subscription"):
            return 422, {}, OUTCOME
        if path.startswith("/Patient"):
            return 200, {"Content-Type": f"text/{NAME}"}, PAGE
        return 400, {"Content-Type": "application/fhir+json"}, OUTCOME

    def mesh(method, path, body):
        where = path.split("/OURS", 1)[1]
        how = refusals[turn[0]] if turn[0] < len(refusals) else ""
        error = json.dumps({"messageID": "x", "errorEvent": "SEND", "errorCode": "06", "errorDescription": WORDS})
        if method == "POST" and where == "/outbox":
            sent["n"] = sent.get("n", 0) + 1
            if how == "error body":
                return 417, {}, error
            if how == "html":
                return 400, {"Content-Type": "text/html"}, PAGE
            return 202, {}, json.dumps({"message_id": f"OUT{sent['n']}"})
        answers = how in ("report", "file rejected", "rows rejected")
        if where.startswith("/inbox?"):
            return 200, {}, json.dumps({"messages": [f"IN{turn[0]}"] if answers else []})
        if where.startswith("/inbox/") and method == "PUT":
            return 200, {}, ""
        if where.startswith("/inbox/"):
            report = {"mex-messagetype": "REPORT", "mex-workflowid": "FLOW", "mex-linkedmsgid": f"OUT{sent['n']}", "mex-statuscode": "14",
                      "mex-statusdescription": WORDS}
            text = {"type": "InfAck", "messageHeaderId": f"OUT{sent['n']}", "outcome": "rejected", "responseCode": "10001", "responseDisplay": WORDS,
                    "diagnostics": [{"code": "R9", "text": WORDS, "field": NAME}]}
            if how == "rows rejected":
                text = {"type": "BusAck", "messageHeaderId": f"OUT{sent['n']}", "summary": {"totalRecords": 3, "succeeded": 1, "failed": 2},
                        "failures": [{"table": "CYP001MPI", "rowNumber": 1, "outcome": "rejected", "responseCode": "R7", "diagnostics": WORDS},
                                     {"table": "CYP000Header", "rowNumber": 1, "outcome": "rejected", "responseCode": WORDS, "field": WORDS}]}
            return 200, report if how == "report" else {"mex-messagetype": "DATA", "mex-workflowid": "FLOW_ACK"}, json.dumps(text)
        return 200, {}, ""

    source, receiver = Remote(epr), Remote(mesh)
    world = mesh_world(binary, receiver.url, source.url, source_extra="subscribe = true\n", gateway_extra='log_level = "debug"\n')
    gateway = None
    try:
        gateway = world.start_gateway()
        admin = f"http://127.0.0.1:{world.admin_port}"
        checks.check(wait_for(lambda: get(admin + "/readyz")), "words: the gateway runs")
        post(f"http://127.0.0.1:{world.listen_port}/fhir", json.dumps(PATIENT))
        lane = lambda: world.status()["destinations"][0]
        shown = ""
        codes = ["417/06", "400", "14", "10001, R9", ""]
        for number, code in enumerate(codes, 1):
            if code:
                checks.check(wait_for(lambda: code in lane()["lastError"]), f"words: {refusals[number - 1]}: {code} is not told: {lane()['lastError']}")
            else:
                checks.check(wait_for(lambda: lane()["rejected"] + lane()["accepted"] > 0), f"words: rows: {lane()}")
            shown += json.dumps(world.status()) + get(admin + "/metrics") + json.dumps(world.reconcile()) + world.command("status", "-c", world.config)[0]
            turn[0] = number
            if code:
                post(f"{admin}/submissions/{number}/requeue", "")
        checks.check(wait_for(lambda: "400" in json.dumps(world.status()["sources"]) or "no Bundle" in json.dumps(world.status()["sources"])), "words: the source's status")
        checks.check(wait_for(lambda: "422" in json.dumps(world.status()["subscriptions"])), "words: the subscription's status")
        shown += json.dumps(world.status())
        text, _ = world.command("explain", "CYP001.Gender", "-c", world.config)
        checks.check("R7" in text and NAME in text, f"words: explain, which shows patient data, shows the receiver's words: {text}")
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(20)
        gateway = None
        for name, seen in (("log", (world.folder / "gateway.log").read_text(errors="replace")), ("status and metrics", shown)):
            for word in (NHS_NUMBER, NAME):
                at = seen.lower().find(word.lower())
                checks.check(at < 0, f"words: the {name} shows {word}: …{seen[max(at - 150, 0):at + 50]}")
    finally:
        if gateway:
            gateway.kill()
            gateway.wait()
        source.close()
        receiver.close()
        world.close()


def stops_while_hanging(binary, checks):
    """A source and a MESH that take requests and never answer do not keep the gateway from stopping; what was under way goes on after the next start."""
    free = threading.Event()
    messages, waiting = {}, {}

    def hang():
        free.wait(60)

    def epr(method, path, body):
        if path != "/metadata" and not free.is_set():
            hang()
        if path == "/metadata":
            return 200, {}, CAPABILITIES
        return 200, {"Content-Type": "application/fhir+json"}, '{"resourceType":"Bundle","type":"searchset","total":0}'

    def mesh(method, path, body):
        where = path.split("/OURS", 1)[1]
        if method == "POST" and where == "/outbox":
            number = f"OUT{len(messages) + 1}"
            messages[number] = len(body)
            waiting["IN" + number] = number
            if not free.is_set():
                hang()  # taken, and never said so
            return 202, {}, json.dumps({"message_id": number})
        if where.startswith("/outbox/tracking"):
            return (200, {}, json.dumps({"message_id": "OUT1", "status": "accepted"})) if messages else (404, {}, "")
        if where.startswith("/inbox?"):
            return 200, {}, json.dumps({"messages": list(waiting)})
        name = where.split("/")[2] if where.startswith("/inbox/") else ""
        if name and method == "PUT":
            waiting.pop(name, None)
            return 200, {}, ""
        if name:
            return 200, {"mex-messagetype": "DATA", "mex-workflowid": "FLOW_ACK"}, json.dumps(
                {"type": "BusAck", "messageHeaderId": waiting.get(name, ""), "summary": {"totalRecords": 1, "succeeded": 1, "failed": 0}})
        return 200, {}, ""

    source, receiver = Remote(epr), Remote(mesh)
    world = mesh_world(binary, receiver.url, source.url)
    gateway = None
    try:
        gateway = world.start_gateway()
        checks.check(wait_for(lambda: get(f"http://127.0.0.1:{world.admin_port}/readyz")), "hanging: the gateway runs")
        checks.check(wait_for(lambda: any(line.startswith("GET /") and "metadata" not in line for line in source.log)), "hanging: the source was not asked")
        post(f"http://127.0.0.1:{world.listen_port}/fhir", json.dumps(PATIENT))
        checks.check(wait_for(lambda: messages), "hanging: nothing was sent")
        begin = time.time()
        gateway.send_signal(signal.SIGTERM)
        code = gateway.wait(40)
        took = time.time() - begin
        gateway = None
        checks.equal(code, 0, "hanging: exit code")
        checks.check(took < 3, f"hanging: stopping took {took:.1f} s")
        free.set()
        with contextlib.closing(sqlite3.connect(world.folder / "state" / "tributary.db")) as database:
            checks.equal(database.execute("SELECT count(*) FROM submission WHERE next_attempt > 0").fetchall(), [(1,)], "hanging: it waits to be asked about")
            database.execute("UPDATE submission SET next_attempt = 0")  # a minute, as a rule
            database.commit()
        text, code = world.run_until_drained(60)
        checks.equal((code, closing(text).get("accepted"), closing(text).get("unaccounted")), (0, 2, 0), f"hanging: the account after the next start: {text}")
        checks.equal(len(messages), 1, "hanging: messages that MESH was given")
    finally:
        free.set()
        if gateway:
            gateway.kill()
            gateway.wait()
        source.close()
        receiver.close()
        world.close()
