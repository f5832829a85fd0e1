"""Forms of submission and feedback in the national shape."""
import collections
import csv
import io
import json
import pathlib
import stat
import subprocess
import tempfile
import xml.etree.ElementTree
import zipfile

from world import World, closing
from support import wait_for


def rows_of(name, data):
    """The rows of a submission's file as {(table, action): [{column: cell that is not empty}, …]}, read by Python's own readers."""
    rows = collections.defaultdict(list)
    if name.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        for entry in archive.namelist():
            if entry.endswith(".csv"):
                table, withdrawn, _ = entry.removesuffix(".csv").partition("_deleted")
                for row in csv.DictReader(io.StringIO(archive.read(entry).decode(), newline="")):
                    rows[table, "delete" if withdrawn else "upsert"].append({k: v for k, v in row.items() if v})
    elif name.endswith(".ndjson"):
        for line in data.decode().splitlines():
            row = json.loads(line)
            if "manifest" not in row:
                rows[row["table"], row["action"]].append(row["fields"])
    else:
        root = xml.etree.ElementTree.fromstring(data)
        local = lambda element: element.tag.split("}")[-1]
        for row in root:
            if local(row) != "Manifest":
                rows[local(row), row.get("action", "upsert")].append({local(cell): cell.text for cell in row})
    return dict(rows)


DVE_MEMBERS = ["Entity", "Key", "FailureType", "Status", "ErrorType", "ErrorLocation", "ErrorMessage", "ErrorCode", "ReportingField",
               "RecordIndex", "Value", "Category"]


def check_feedback(checks, path, name):
    """The findings of a file, each looked at for its members and their values."""
    checks.equal(stat.S_IMODE(path.stat().st_mode), 0o600, f"{name}: mode")
    findings = [json.loads(line) for line in path.read_text().splitlines()]
    checks.check(len(findings) > 0, f"{name}: no findings")
    for finding in findings:
        held = (list(finding) == DVE_MEMBERS and finding["FailureType"] in ("record", "submission", "integrity")
                and finding["Status"] in ("error", "informational") and finding["Category"] in ("Blank", "Wrong format", "Bad value", "Bad file")
                and (finding["RecordIndex"] is None or finding["RecordIndex"] >= 1)
                and all(finding[key] is None or (isinstance(finding[key], str) and finding[key]) for key in DVE_MEMBERS if key != "RecordIndex"))
        if not checks.check(held, f"{name}: not the shape of the Data Validation Engine: {finding}"):
            break
    return findings


def forms(binary, checks):
    """CSV, NDJSON and XML hold the same rows, from `tributary map` and from the gateway; feedback has its shape."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = lambda *arguments: subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=True).stdout
        run("synth", "--patients", 40, "-o", folder / "in")
        cases = pathlib.Path(__file__).resolve().parents[2] / "fhir-mappings/csds/1.6/tests"
        (folder / "in" / "faulty.ndjson").write_text((cases / "unknown-codes" / "input.ndjson").read_text())
        read = {}
        for form, file in (("csv-zip", "csds-1.6.zip"), ("ndjson", "csds-1.6.ndjson"), ("xml", "csds-1.6.xml")):
            run("map", folder / "in", "-o", folder / form, "--format", form)
            read[form] = rows_of(file, (folder / form / file).read_bytes())
        checks.check(len(read["csv-zip"]) > 20, f"forms: only {len(read['csv-zip'])} tables")
        checks.equal(read["ndjson"] == read["csv-zip"], True, "forms: NDJSON holds what CSV holds")
        checks.equal(read["xml"] == read["csv-zip"], True, "forms: XML holds what CSV holds")
        findings = check_feedback(checks, folder / "xml" / "feedback.jsonl", "map feedback")
        checks.equal({f["Category"] for f in findings}, {"Wrong format", "Bad value"}, "map feedback: categories")
        run("map", cases / "missing-values-provider" / "input.ndjson", "--summary", "--feedback", folder / "blank.jsonl")
        blank = [f for f in check_feedback(checks, folder / "blank.jsonl", "feedback on blanks") if f["Category"] == "Blank"]
        checks.check(blank and all(f["Value"] is None and f["ErrorType"] == "mandatory" for f in blank), f"blank fields: {blank}")
        run("map", cases / "nhs-number-invalid" / "input.ndjson", "--summary", "--feedback", folder / "file.jsonl")
        checks.check("submission" in {f["FailureType"] for f in check_feedback(checks, folder / "file.jsonl", "feedback on a file")}, "a file that is refused")
        checks.equal({f["Status"] for f in findings}, {"error", "informational"}, "map feedback: status")

        first = None
        for form in ("csv-zip", "xml"):
            rows = gateway_form(binary, checks, form, folder / "in", findings)
            first = first or rows
            differ = [(row, rows[row], first[row]) for row in rows | first if rows[row] != first[row]]
            checks.equal(differ[:2], [], f"forms: rows that the gateway's {form} and its CSV do not share")


def gateway_form(binary, checks, form, inputs, expected):
    """The rows that stand in the end of what the gateway wrote into a folder, and its feedback looked at."""
    world = World(binary, patients=None, destination="folder", linger="60s", destination_extra=f'format = "{form}"\n')
    try:
        for path in sorted(inputs.iterdir()):
            world.drop_file(path.name, path.read_text())
        account, code = world.run_until_drained()
        checks.equal(code, 0, f"forms, {form}: exit code")
        counts = closing(account)
        rows = collections.Counter()
        for path in (world.folder / "out").iterdir():
            for (table, action), part in rows_of(path.name, path.read_bytes()).items() if path.is_file() else ():
                if table != "CYP000Header":
                    rows.update({(table, *sorted(row.items())): 1 if action == "upsert" else -1 for row in part})
        out = world.folder / "feedback.jsonl"
        subprocess.run([binary, "feedback", "-c", world.config, "-o", out], check=True, capture_output=True)
        findings = check_feedback(checks, out, f"gateway feedback, {form}")
        errors = {(f["Entity"], f["RecordIndex"]) for f in findings if f["Status"] == "error"}
        checks.equal(len(errors), counts["quarantined"], f"gateway feedback: records with errors, and quarantined rows of {counts}")
        same = lambda f: tuple(f[key] or "" for key in ("Entity", "Key", "ErrorCode", "ReportingField", "Value", "Category", "Status"))
        ours, theirs = collections.Counter(map(same, findings)), collections.Counter(map(same, expected))
        checks.equal((ours - theirs, theirs - ours), (collections.Counter(), collections.Counter()), f"gateway feedback, {form}: findings that `map` does not share")
        subprocess.run([binary, "feedback", "-c", world.config, "-o", out, "--submission", "1"], check=True, capture_output=True)
        sent = check_feedback(checks, out, f"feedback of a submission, {form}")
        checks.equal({f["Status"] for f in sent}, {"informational"}, "feedback of a submission: rows that were sent have no errors")
        log = (world.folder / "gateway.log").read_text()
        checks.check(not any(f["Key"] in log for f in findings if f["Key"] and len(f["Key"]) > 8), "a key of the feedback stands in the log")
        return rows
    finally:
        world.close()


def national_feedback(binary, checks):
    """A receiver answers a file in the shape of the Data Validation Engine: two rows are rejected, one has a remark, the others are accepted."""
    world = World(binary, patients=10, source="search", destination="folder", linger="60s", destination_extra="expect_receipts = true\npoll = \"100ms\"\n")
    try:
        gateway = world.start_gateway("--until-drained")
        out = world.folder / "out"
        checks.check(wait_for(lambda: list(out.glob("*.zip")), 60), "national feedback: no file was delivered")
        file = next(out.glob("*.zip"))
        finding = {"Entity": "CYP601MedicalHistory", "Key": None, "FailureType": "record", "Status": "error", "ErrorType": "x", "ErrorLocation": None, "ErrorMessage": "no",
                   "ErrorCode": "D1", "ReportingField": None, "RecordIndex": 1, "Value": None, "Category": "Bad value"}
        lines = [finding, dict(finding, RecordIndex=2), dict(finding, RecordIndex=3, Status="informational")]
        part = out / "receipts" / ".part"
        part.write_text("".join(json.dumps(line) + "\n" for line in lines))
        part.rename(out / "receipts" / (file.stem + ".feedback.jsonl"))
        account, _ = gateway.communicate(timeout=60)
        counts = closing(account)
        checks.equal((counts.get("rejected"), counts.get("accepted")), (2, counts["rows"] - 2), f"national feedback: {counts}")
        checks.equal([path.name for path in (out / "receipts" / "done").iterdir()], [file.stem + ".feedback.jsonl"], "national feedback: done")
    finally:
        world.close()
