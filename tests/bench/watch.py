"""watch.py PROGRAM ROOT CHANGES: see watch.sh."""
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

VIEW = "csds/1.6/views/CYP611Obs.json"
BEFORE, AFTER = ".round(3))", ".round(0))"  # of the weight: some cases fail with the second


class Watcher:
    """The program's output as it comes: the closing lines of its runs."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, "test", folder, "--watch"], stdout=subprocess.PIPE, text=True)
        self.results, self.came = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        closing = []  # one line a collection
        for line in self.process.stdout:
            if " passed, " in line:
                closing.append(line.strip())
            if line.startswith("watching "):
                with self.came:
                    self.results.append(closing)
                    self.came.notify_all()
                closing = []

    def wait(self, wanted, seconds):
        with self.came:
            return self.came.wait_for(lambda: self.results and wanted(self.results[-1]), seconds)


def main():
    program, root, changes = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for name in ("fhir-mappings", "profiles"):
            shutil.copytree(root / name, work / name)
        view = work / "fhir-mappings" / VIEW
        good = view.read_text(encoding="utf-8")
        watcher = Watcher(program, work / "fhir-mappings")
        took = []
        try:
            for n in range(changes + 1):
                bad = n % 2 == 1
                begin = time.monotonic()
                if n > 0:
                    view.write_text(good.replace(BEFORE, AFTER) if bad else good, encoding="utf-8")
                if not watcher.wait(lambda lines: all(line.endswith(" 0 failed") for line in lines) != bad, 5 if n else 60):
                    print(f"watch: change {n} showed no new result")
                    return 1
                if n > 0:
                    took.append(time.monotonic() - begin)
                time.sleep(0.1 + 0.07 * (n % 4))  # at another point between two looks each time
        finally:
            watcher.process.terminate()
            watcher.process.wait()
    print(f"{'; '.join(watcher.results[0])}; {changes} changes, the slowest {max(took):.2f} s")
    print(f"watch: {statistics.median(took):.2f} s")
    return 0 if max(took) < 1 else 1


if __name__ == "__main__":
    sys.exit(main())
