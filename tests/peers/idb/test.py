#!/usr/bin/env python3
"""Fills Access databases and reads them back with mdbtools. Prints what did not hold and the closing line."""
import argparse
import csv
import hashlib
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from world import Checks, World, closing  # noqa: E402

TIMES = "%Y-%m-%dT%H:%M:%S"
MARK = "@@end@@"  # ends a record of mdb-export, so that line breaks within cells are no matter


def text(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)


def tables(database):
    return text("mdb-tables", "-1", database, check=True).stdout.split()


def exported(database, table):
    """The rows as lists of cells, and the header."""
    out = subprocess.run(["mdb-export", "-T", TIMES, "-D", TIMES, "-R", MARK + "\n", str(database), table], capture_output=True, check=True).stdout.decode()
    header, _, body = out.partition(MARK + "\n")
    if not body and MARK not in header:
        header, _, body = out.partition("\n")
    return header.strip().split(","), [next(csv.reader(io.StringIO(row, newline=""))) for row in body.split(MARK + "\n") if row]


def as_access(cell, shown):
    """Our cell in the form in which mdbtools shows the column's type: Access has only moments, a time is one on its day zero."""
    if cell == shown:
        return cell
    if re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
        return cell + "T00:00:00"
    if re.fullmatch(r"\d\d:\d\d:\d\d", cell):
        return "1899-12-30T" + cell
    return str(int(cell)) if re.fullmatch(r"\d+", cell) and re.fullmatch(r"\d+", shown) else cell


def csv_files(path):
    """{table: (header, rows)} of a zip or folder of ours."""
    if path.is_dir():
        files = {p.name: p.read_bytes() for p in path.glob("*.csv")}
    else:
        archive = zipfile.ZipFile(path)
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".csv")}
    out = {}
    for name, data in files.items():
        header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
        out[name.removesuffix(".csv")] = (header, rows)
    return out


def compare(checks, database, files, name):
    """Every cell of ours stands in the database, in the same order, and nothing else does. Returns how many were looked at."""
    cells = 0
    for table in tables(database):
        columns, found = exported(database, table)
        header, rows = files.get(table, ([], []))
        if not checks.equal(len(found), len(rows), f"{name}: rows of {table}"):
            continue
        checks.check(set(header) <= set(columns), f"{name}: columns of {table}: {set(header) - set(columns)}")
        for number, (ours, theirs) in enumerate(zip(rows, found), 1):
            shown = dict(zip(columns, theirs))
            wrong = [column for column, cell in zip(header, ours) if as_access(cell, shown.get(column, "")) != shown.get(column)]
            cells += len(ours)
            if wrong or any(shown[column] for column in columns if column not in header):
                checks.check(False, f"{name}: {table}, row {number}: {wrong}")
                break
    checks.check(set(files) <= set(tables(database)), f"{name}: tables")
    return cells


class Bench:
    def __init__(self, options, checks):
        self.root, self.binary, self.checks = options.root, options.bin, checks
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tributary-idb-"))
        self.blank = self.folder / "blank.accdb"

    def fill(self, files, out="out.accdb", template=None):
        return text(self.root / "deploy/idb/fill", template or self.blank, files, self.folder / out)

    def template(self, lines, name):
        """A blank database of (table, column, type, length)."""
        path = self.folder / name
        text(self.root / "deploy/idb/fill", path, env={"PATH": "/usr/bin:/bin", "command_of_idb": "make-template"}, check=True,
             input="".join("\t".join(map(str, line)) + "\n" for line in lines))
        return path

    def csv(self, name, **files):
        folder = self.folder / name
        folder.mkdir()
        for table, body in files.items():
            (folder / f"{table}.csv").write_bytes(body if isinstance(body, bytes) else body.encode())
        return folder


def caseload(bench):
    checks = bench.checks
    text(bench.root / "deploy/idb/make-template", bench.root / "profiles/csds/1.6", bench.blank, check=True)
    before = hashlib.sha256(bench.blank.read_bytes()).hexdigest()
    text(bench.binary, "synth", "--patients", 150, "-o", bench.folder / "in", check=True)
    cells = 0
    for form, path in (("csv-zip", "csds-1.6.zip"), ("csv", "")):
        text(bench.binary, "map", bench.folder / "in", "-o", bench.folder / form, "--format", form, check=True)
        files = csv_files(bench.folder / form / path)
        done = bench.fill(bench.folder / form / path, f"{form}.accdb")
        checks.equal((done.returncode, done.stderr), (0, ""), f"caseload, {form}: fill")
        checks.check(done.stdout.rstrip().endswith(f" {sum(len(rows) for _, rows in files.values())} rows"), f"caseload, {form}: {done.stdout[-200:]}")
        cells += compare(checks, bench.folder / f"{form}.accdb", files, f"caseload, {form}")
        checks.check(len(files) > 25, f"caseload, {form}: only {len(files)} tables have rows")
    checks.equal(hashlib.sha256(bench.blank.read_bytes()).hexdigest(), before, "the template is as it was")
    checks.check(not list(bench.folder.glob(".*part")), "a part was left behind")
    print(f"caseload: {cells} cells compared")


def types_and_texts(bench):
    checks = bench.checks
    blank = bench.template([("T", "Text", "text", 10), ("T", "Long", "memo", 0), ("T", "Day", "date", 0), ("T", "Number", "number", 0),
                            ("T", "Flag", "yesno", 0), ("T", "Ours not", "text", 5)], "types.accdb")
    files = bench.csv("types", T='Text,Long,Day,Number,Flag\r\n"a""b,c","line\r\nZoë €",2026-03-01T10:20:30,-2147483648,Y\r\n,,,,\r\n0123456789,x,1899-12-31,007,N\r\n')
    done = bench.fill(files, "types-filled.accdb", blank)
    checks.equal((done.returncode, done.stderr), (0, ""), "types: fill")
    _, rows = exported(bench.folder / "types-filled.accdb", "T")
    checks.equal(rows, [['a"b,c', "line\r\nZoë €", "2026-03-01T10:20:30", "-2147483648", "1", ""], ["", "", "", "", "0", ""],
                        ["0123456789", "x", "1899-12-31T00:00:00", "7", "0", ""]], "types: cells")

    bad = bench.csv("bad", T="Text,Long,Day,Number,Flag\r\n01234567890,x,01/03/2026,2147483648,maybe\r\nok,,,,\r\nSECRET-TOO-LONG,,,,\r\nshort\r\n")
    done = bench.fill(bad, "bad.accdb", blank)
    checks.equal(done.returncode, 1, "unfit rows: exit code")
    for wanted in ("3 rows do not fit", "T, row 1, Text is longer than 10 characters", "T, row 1, Day is no date", "T, row 1, Number is not within",
                   "T, row 1, Flag is neither", "T, row 3, Text is longer", "T, row 4 has 1 cells for 5 columns"):
        checks.check(wanted in done.stderr, f"unfit rows: '{wanted}' is not told: {done.stderr}")
    checks.check("SECRET" not in done.stderr and "maybe" not in done.stderr, "unfit rows: the contents of a cell are told")
    checks.check(not (bench.folder / "bad.accdb").exists() and not list(bench.folder.glob(".*part")), "unfit rows: a file was left behind")


def differences(bench):
    checks = bench.checks
    blank = bench.template([("T", "Text", "text", 10), ("U", "A_B", "text", 10)], "differences.accdb")
    files = bench.csv("differences", T="text,Other\r\n1,2\r\n", u="A_B\r\n1\r\n", V="X,X\r\n1,2\r\n")
    done = bench.fill(files, "no.accdb", blank)
    checks.equal(done.returncode, 2, "differences: exit code")
    for wanted in ("(4 differences)", "column T.text is not in the template (it has Text)", "column T.Other is not in the template\n",
                   "table u is not in the template (it has U)", "table V is not in the template\n"):
        checks.check(wanted in done.stderr + "\n", f"differences: '{wanted.strip()}' is not told: {done.stderr}")
    checks.check(not (bench.folder / "no.accdb").exists(), "differences: a file was left behind")

    full = bench.csv("full", T="Text\r\n1\r\n")
    bench.fill(full, "full.accdb", blank)
    again = bench.fill(full, "again.accdb", bench.folder / "full.accdb")
    checks.check(again.returncode == 2 and "not blank" in again.stderr, f"a template with rows is taken: {again.stderr}")
    withdrawn = bench.csv("withdrawn", T="Text\r\n1\r\n", T_deleted="Text\r\n2\r\n")
    done = bench.fill(withdrawn, "w.accdb", blank)
    checks.check(done.returncode == 1 and "T: 1 withdrawn rows" in done.stderr, f"withdrawn rows are taken: {done.stderr}")
    for name, body in (("quotes", 'Text\r\n"open\r\n'), ("latin", b"Text\r\n\xe9\r\n"), ("nothing", "")):
        done = bench.fill(bench.csv(name, T=body), "x.accdb", blank)
        checks.check(done.returncode == 2 and done.stderr.startswith("error: "), f"a broken CSV ({name}): {done.returncode} {done.stderr}")
    broken = bench.folder / "broken.zip"
    broken.write_bytes((bench.folder / "csv-zip" / "csds-1.6.zip").read_bytes()[:-400])
    checks.equal(bench.fill(broken, "x.accdb").returncode, 2, "a zip that was cut short")
    checks.equal(bench.fill(full, "x.accdb", bench.folder / "none.accdb").returncode, 2, "no template")
    checks.check(not (bench.folder / "x.accdb").exists(), "a file was made of broken ones")


def gateway(bench):
    checks = bench.checks
    world = World(bench.binary, patients=30, source="search", destination="folder",
                  destination_extra=f'format = "accdb"\ntemplate = "{bench.blank}"\n', linger="4s")
    try:
        account, code = world.run_until_drained()
        counts = closing(account)
        checks.equal(code, 0, "gateway: exit code")
        made = sorted((world.folder / "out").glob("*.accdb"))
        found = sum(len(exported(path, table)[1]) for path in made for table in tables(path) if not table.startswith("CYP000"))
        checks.equal(found, counts.get("accepted"), "gateway: rows in the databases, and those the ledger calls accepted")
        checks.check(len(made) > 0 and all(len(exported(path, "CYP000Header")[1]) == 1 for path in made), "gateway: a database without its header row")
        print(f"gateway: {found} rows in {len(made)} databases")
    finally:
        world.close()

    world = World(bench.binary, patients=5, source="search", destination="folder",
                  destination_extra=f'format = "accdb"\ntemplate = "{bench.folder / "differences.accdb"}"\n')
    try:
        process = world.start_gateway()
        try:
            for _ in range(300):
                log = (world.folder / "gateway.log").read_text()
                if "submission-refused" in log:
                    break
                time.sleep(0.1)
            checks.check("differences" in log and "is not in the template" in log, f"gateway: a template that does not fit is not told: {log[-800:]}")
            checks.check(not list((world.folder / "out").glob("*.accdb")), "gateway: a database was delivered all the same")
        finally:
            process.terminate()
            process.wait(60)
    finally:
        world.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--root", required=True, type=pathlib.Path)
    options = parser.parse_args()
    checks = Checks()
    bench = Bench(options, checks)
    try:
        for part in (caseload, types_and_texts, differences, gateway):
            try:
                part(bench)
            except (subprocess.CalledProcessError, OSError, KeyError, ValueError) as error:
                checks.check(False, f"{part.__name__}: {type(error).__name__}: {error} {getattr(error, 'stderr', '')}")
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)
    checks.finish()


main()
