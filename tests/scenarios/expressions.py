"""`tributary view` and `tributary fhirpath` on files: limits, what one bad resource costs, what a terminal shows."""
import json
import os
import pathlib
import pty
import subprocess
import tempfile
import threading
import time

VIEW = {"resourceType": "ViewDefinition", "name": "people", "status": "active", "resource": "Patient", "select": [
    {"column": [{"name": "id", "path": "id"}, {"name": "given", "path": "name.given.join(' ')"}]}]}


def resources():
    """Three patients; between the first and the last one that is too much, and a line that is too deep."""
    large = {"resourceType": "Patient", "id": "large", "name": [{"given": ["y" * 20] * 300} for _ in range(30)]}
    deep = '{"resourceType":"Patient","id":"deep","x":' + "[" * 200 + "]" * 200 + "}"
    return "\n".join([json.dumps({"resourceType": "Patient", "id": "a", "name": [{"given": ["x"]}]}), json.dumps(large), deep,
                      json.dumps({"resourceType": "Patient", "id": "c"})]) + "\n"


def limits(binary, checks):
    """A limit is named with the option that raises it, and costs the resource that reached it, no other."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "view.json").write_text(json.dumps(VIEW))
        (folder / "people.ndjson").write_text(resources())

        def run(*arguments, stdin=None):
            done = subprocess.run([binary, *arguments], cwd=folder, input=stdin, capture_output=True, text=True, timeout=60)
            return done.returncode, done.stdout, done.stderr

        def view(*options):
            return run("view", "view.json", "people.ndjson", "-q", *options)

        rows = "id,given\na,x\nc,\n"
        for options, advice in ((("--max-steps", "200"), "--max-steps (now 200)"), (("--max-results", "100"), "--max-results (now 100)"),
                                (("--max-memory", "8K"), "--max-memory (now 8K)"), (("--max-document", "10k"), "--max-document (now 10K)")):
            code, out, err = view(*options)
            checks.equal((code, out), (1, rows), f"limits: rows with {options}")
            checks.check("people.ndjson:2:1: error: " in err and advice in err, f"limits: {options}: {err}")
            checks.check("people.ndjson:3:" in err and "--max-nesting (now 128)" in err, f"limits: the line that is too deep: {err}")
        code, out, err = view("--max-nesting", "300")
        checks.equal((code, out.splitlines()[0], len(out.splitlines())), (0, "id,given", 5), f"limits: higher ones: {err}")
        code, out, err = run("view", "view.json", "-", "-q", "--max-steps", "200", stdin="{\"resourceType\":\"Patient\",]}\n" + resources())
        checks.equal((code, out), (1, rows), f"limits: standard input whose first line is broken: {err}")

        nested = dict(VIEW, resource="QuestionnaireResponse", select=[{"repeat": ["item"], "column": [{"name": "link", "path": "linkId"}]}])
        (folder / "nested.json").write_text(json.dumps(nested))
        item = {"linkId": "3"}
        for link in ("2", "1"):
            item = {"linkId": link, "item": [item]}
        (folder / "answers.json").write_text(json.dumps({"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}))
        checks.equal(run("view", "nested.json", "answers.json", "-q", "--max-repeat", "4")[:2], (0, "link\n1\n2\n3\n"), "limits: repeat")
        for options, advice in ((("--max-repeat", "2"), "--max-repeat (now 2)"), (("--max-results", "2"), "--max-results (now 2)")):
            code, out, err = run("view", "nested.json", "answers.json", "-q", *options)
            checks.check(code == 1 and out == "link\n" and advice in err, f"limits: {options}: {out} {err}")

        for expression, options, advice in (
                ("name.given.count()", ("--max-steps", "100"), "--max-steps (now 100)"),
                ("name.given", ("--max-results", "100"), "--max-results (now 100)"),
                ("name.given.join(',')", ("--max-memory", "8K"), "--max-memory (now 8K)"),
                ("iif(id = 'large', id.matches('\\\\w{300}' & ''))", ("--max-regex-memory", "2K"), "--max-regex-memory (now 2K)"),
                ("iif(id = 'large', id.matches('\\\\w{300}'))", ("--max-regex-memory", "2K"), "--max-regex-memory (now 2K)"),
                ("iif(id = 'large', (((1 + id.length()) + 1) + 1) + 1)", ("--max-depth", "4"), "--max-depth (now 4)")):
            code, out, err = run("fhirpath", expression, "people.ndjson", *options)
            checks.check(code == 1 and "people.ndjson:2: expression:1:" in err and advice in err, f"limits: {expression} with {options}: {err}")
            checks.check("people.ndjson:4" not in err, f"limits: {expression}: the next one is evaluated, too: {err}")
        code, out, err = run("fhirpath", "'x'.toInteger() + id.single() | name.first().given.first().single().length() / 0 | (1|2).single()",
                             "-", stdin='{"resourceType":"Patient","id":"a"}\n' * 50)
        checks.equal((code, err.count("error:")), (1, 20), f"limits: problems are counted, not all shown: {err[-300:]}")
        checks.check(err.endswith("50 resources with problems\n"), f"limits: the count of problems: {err[-300:]}")

        for command in (("view", "view.json"), ("fhirpath", "id")):
            with open("/dev/full", "w") as full:
                done = subprocess.run([binary, *command, "-"], cwd=folder, input='{"resourceType":"Patient","id":"a"}\n', stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=60)
            checks.check(done.returncode == 3 and "standard output takes no more" in done.stderr, f"limits: a full disk: {command}: {done}")

        for wrong in (("--max-memory", "12Q"), ("--max-memory", "1"), ("--max-steps", "0"), ("--max-nesting", "5000"), ("--max-document", "3G")):
            code, out, err = view(*wrong)
            checks.check(code == 2 and wrong[0] in err, f"limits: {wrong}: {code} {err}")


def variables(binary, checks):
    """What --set gives is what the view uses as %NAME; a name that FHIRPath or the view has is refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        view = {"resource": "Patient", "constant": [{"name": "c", "valueString": "x"}], "select": [{"column": [{"name": "a", "path": "%who & %c"}]}]}
        (folder / "view.json").write_text(json.dumps(view))

        def run(*options):
            done = subprocess.run([binary, "view", "view.json", "-", "-q", *options], cwd=folder, input='{"resourceType":"Patient"}\n',
                                  capture_output=True, text=True, timeout=60)
            return done.returncode, done.stdout, done.stderr

        checks.equal(run("--set", "who=a=b "), (0, "a\na=b x\n", ""), "variables: one")
        for options, said in ((("--set", "who"), "--set who: there is no name and text"), (("--set", "=x"), "there is no name and text"),
                              (("--set", "who=1", "--set", "resource=1"), "FHIRPath itself has %resource"),
                              (("--set", "who=1", "--set", "who=2"), "%who is set already"),
                              (("--set", "who=1", "--set", "c=2"), "view.json:1:48: error: no constant can be called 'c'"),
                              (("--set", "whom=1",), "Did you mean '%whom'?")):
            code, out, err = run(*options)
            checks.check(code == 2 and out == "" and said in err, f"variables: {options}: {code} {out} {err}")


def on_terminal(command, folder, wanted, seconds=60):
    """Runs it with a pseudo terminal as stdout and stderr and feeds it patients, every fifth with a line behind it that is no JSON, until
    the terminal has shown `wanted`. The text shown, and how many patients there were."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    shown = bytearray()

    def read():
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux: the other end has closed
                return
            if not part:
                return
            shown.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    fed, end = 0, time.time() + seconds
    while wanted not in shown and time.time() < end:
        for _ in range(200):
            process.stdin.write(b'{"resourceType":"Patient","id":"p%d"}\n' % fed + (b"not JSON\n" if fed % 5 == 0 else b""))
            fed += 1
        process.stdin.flush()
        time.sleep(0.01)
    process.stdin.close()
    code = process.wait(seconds)
    reader.join(seconds)
    os.close(master)
    return code, shown.decode(), fed


def progress(binary, checks):
    """A long input has a line of progress on a terminal, which never stands among the rows; a pipe sees none of it."""
    erase = "\r\x1b[K"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "view.json").write_text(json.dumps(VIEW))
        for command in (["view", "view.json", "-", "-q"], ["view", "view.json", "-", "-q", "-o", "table"], ["fhirpath", "id", "-"]):
            code, text, fed = on_terminal([binary, *command], folder, b" a second")
            what = "progress: " + " ".join(command)
            checks.check(code == 1 and " MB, " in text and " resources, " in text and " with problems, " in text,
                         f"{what}: exit {code}, shown {text[-300:]!r}")
            lines = [line.split(erase)[-1].rstrip("\r").rstrip() for line in text.split("\n")]
            rows = [line.rstrip(",") for line in lines if line.startswith("p") and line.rstrip(",")[1:].isdigit()]
            wanted = [f"p{i}" for i in range(fed)]
            odd = next((pair for pair in zip(rows, wanted) if pair[0] != pair[1]), None)
            checks.check(odd is None and len(rows) == fed, f"{what}: {len(rows)} rows as lines by themselves, not {fed}; first difference {odd}")
            checks.check(all(line.count(" a second") == 0 for line in lines), f"{what}: progress is left on the screen")
        lines = "\n".join('{"resourceType":"Patient","id":"p%d"}' % i for i in range(1000))
        done = subprocess.run([binary, "view", "view.json", "-"], cwd=folder, input=lines, capture_output=True, text=True, timeout=60)
        checks.equal(done.stderr, "1000 rows of 1000 resources\n", "progress: on a pipe")
