"""The national side of MESH, played by a test: reads a mailbox, checks what it finds, answers. After the public description of
the MESH API; standard library only."""
import csv
import datetime
import gzip
import hashlib
import hmac
import io
import json
import sys
import pathlib
import uuid
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from peer import http  # noqa: E402

ACCEPT = "application/vnd.mesh.v2+json"


class Mailbox:
    def __init__(self, url, mailbox, password="password", key="TestKey", context=None):
        self.url, self.mailbox, self.password, self.key, self.context = url, mailbox, password, key, context

    def token(self):
        """Good for one request."""
        nonce, stamp = str(uuid.uuid4()), datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d%H%M")
        text = f"{self.mailbox}:{nonce}:0:{self.password}:{stamp}"
        return f"NHSMESH {self.mailbox}:{nonce}:0:{stamp}:" + hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def call(self, method, path, body=None, headers=None):
        return http(method, f"{self.url}/messageexchange/{self.mailbox}{path}", body,
                    {"Authorization": self.token(), "Accept": ACCEPT, **(headers or {})}, context=self.context)

    def inbox(self):
        status, _, body = self.call("GET", "/inbox")
        if status != 200:
            raise RuntimeError(f"the inbox was answered with {status}")
        return json.loads(body)["messages"]

    def download(self, message):
        """(headers of the first chunk, whole content, number of chunks). Each chunk is compressed by itself."""
        content, number, first = b"", 1, None
        while True:
            status, headers, body = self.call("GET", f"/inbox/{message}" + (f"/{number}" if number > 1 else ""), headers={"Accept-Encoding": "gzip"})
            if status not in (200, 206):
                raise RuntimeError(f"chunk {number} was answered with {status}")
            first = first or headers
            content += gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            if status == 200:
                return first, content, number
            number += 1

    def acknowledge(self, message):
        status, _, _ = self.call("PUT", f"/inbox/{message}/status/acknowledged")
        if status != 200:
            raise RuntimeError(f"the acknowledgement was answered with {status}")

    def send(self, to, workflow, content, local_id, subject):
        status, _, body = self.call("POST", "/outbox", json.dumps(content), {
            "Mex-To": to, "Mex-WorkflowID": workflow, "Mex-LocalID": local_id, "Mex-Subject": subject,
            "Mex-FileName": f"{local_id}_{subject}.json", "Content-Type": "application/json"})
        if status != 202:
            raise RuntimeError(f"an answer was answered with {status}: {body[:200]}")


class Submission:
    """A received file: rows by (table, action), each a list of {column: cell}; and the manifest."""

    def __init__(self, headers, content):
        self.id, self.name = headers["Mex-LocalID"], headers["Mex-FileName"]
        self.checksum_holds = headers["Mex-Content-Checksum"] == "sha256:" + hashlib.sha256(content).hexdigest()
        self.rows, self.manifest, self.problems = {}, None, []
        if self.name.endswith(".zip"):
            self._zip(content)
        else:
            self._ndjson(content)
        told = {(t["table"], action): t[count] for t in self.manifest["tables"] for action, count in (("upsert", "upserts"), ("delete", "deletes")) if t[count]}
        if told != {key: len(rows) for key, rows in self.rows.items()}:
            self.problems.append("the manifest counts other rows than the file holds")

    def _zip(self, content):
        archive = zipfile.ZipFile(io.BytesIO(content))
        if archive.testzip() is not None:
            self.problems.append("an entry of the zip is damaged")
        self.manifest = json.loads(archive.read("manifest.json"))
        hashes = {f["name"]: f["sha256"] for t in self.manifest["tables"] for f in t["files"]}
        for name in archive.namelist():
            if name == "manifest.json":
                continue
            data = archive.read(name)
            if hashes.get(name) != hashlib.sha256(data).hexdigest():
                self.problems.append(f"{name} has another hash than the manifest says")
            stem = name.removesuffix(".csv")
            key = (stem.removesuffix("_deleted"), "delete") if stem.endswith("_deleted") else (stem, "upsert")
            self.rows[key] = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))

    def _ndjson(self, content):
        for line in content.decode("utf-8").splitlines():
            row = json.loads(line)
            if "manifest" in row:
                self.manifest = row["manifest"]
                continue
            rows = self.rows.setdefault((row["table"], row["action"]), [])
            rows.append(row["fields"])
            if row["rowNumber"] != len(rows):
                self.problems.append("row numbers do not count up")

    def count(self):
        return sum(len(rows) for rows in self.rows.values())

    def answer(self, kind):
        return {"type": kind, "system": "national-test", "version": 1, "generatedDate": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                "provider": "RZZ", "filename": self.name, "submissionId": self.id}

    def inf_ack(self, accepted=True):
        return {**self.answer("InfAck"), "outcome": "accepted" if accepted else "rejected", "responseCode": "20013" if accepted else "10001",
                "responseDisplay": "Success" if accepted else "The file cannot be read", "diagnostics": []}

    def bus_ack(self, rejected):
        """`rejected`: [(table, action, row number)]."""
        return {**self.answer("BusAck"), "summary": {"totalRecords": self.count(), "succeeded": self.count() - len(rejected), "failed": len(rejected)},
                "failures": [{"table": table, "rowNumber": number, "action": action, "outcome": "rejected", "responseCode": "TEST-1", "severity": "error",
                              "diagnostics": "rejected by the test"} for table, action, number in rejected]}
