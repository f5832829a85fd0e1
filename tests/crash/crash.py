#!/usr/bin/env python3
"""kill -9 at every fault point and at random moments; afterwards nothing may be lost, doubled or unaccounted."""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from world import Checks, World, closing  # noqa: E402


def portions(binary, patients, parts, folder):
    """The NDJSON of a caseload, cut into `parts` texts of whole patients (the shared resources come first)."""
    subprocess.run([binary, "synth", "--patients", str(patients), "--seed", "7", "--out", str(folder), "--format", "ndjson"], check=True,
                   stdout=subprocess.DEVNULL)
    lines = []
    for file in sorted(folder.glob("*.ndjson")):
        # Other patients than the server's: two sources that hold the same person are another matter.
        lines += re.sub(r"\b([pLSCAPG])0(\d{6})", r"\g<1>5\2", file.read_text()).splitlines()
    size = -(-len(lines) // parts)
    return ["\n".join(lines[i:i + size]) + "\n" for i in range(0, len(lines), size)], len(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    checks = Checks()

    # Points that this configuration never comes to; the store's own are killed at, one by one, in store_tests.
    elsewhere = ("test.", "ingest.push.", "ingest.subscription.", "deliver.folder.", "deliver.mesh.before-chunk", "store.migrate.", "store.requeue", "store.audit.",
                 "store.mark_dirty.",
                 # months, days and what is left out of a file: tests/scenarios, month_kills
                 "pipeline.lane.before_open_", "pipeline.lane.after_open_", "pipeline.lane.before_leave_out", "pipeline.lane.after_leave_out",
                 "pipeline.lane.before_refuse", "pipeline.lane.before_rebuild", "pipeline.lane.after_rebuild", "store.leave_out.", "pipeline.requeue_rows.")
    points = [p for p in subprocess.run([options.bin, "fault-points"], check=True, capture_output=True, text=True).stdout.split()
              if not p.startswith(elsewhere)]
    world = World(options.bin, patients=max(60, options.kills), seed=3, source="files+search", source_extra="subscribe = true\n")
    texts, lines = portions(options.bin, max(60, options.kills), options.kills, world.folder / "synth")
    print(f"{len(points)} fault points, {options.kills} kills, {lines} resources in {len(texts)} files beside the simulator's server", flush=True)

    reached, kills, at_points, moments = set(), 0, 0, 0
    # Every point in turn, as often as the number of kills allows, the rest at random moments; a point that is not reached
    # (a receipt that does not come just now) becomes a kill at a random moment.
    for number in range(options.kills):
        if number < len(texts):
            world.drop_file(f"part-{number:04}.ndjson", texts[number])
        point = points[number % len(points)] if number % 4 != 3 else None
        gateway = world.start_gateway(fault=f"{point}:{dice.choice([1, 1, 2])}" if point else None)
        deadline = time.time() + (12.0 if point else dice.uniform(0.05, 1.2))
        while gateway.poll() is None and time.time() < deadline:
            time.sleep(0.005)
        if gateway.poll() is None:
            gateway.kill()
            moments += 1
        elif gateway.returncode == -9:
            reached.add(point)
            at_points += 1
        else:
            checks.check(False, f"the gateway ended by itself with {gateway.returncode} (fault {point}); see gateway.log")
        gateway.communicate()
        kills += 1
        if kills % 20 == 0:
            print(f"  {kills} kills: {at_points} at {len(reached)} fault points, {moments} at random moments", flush=True)
    for number in range(options.kills, len(texts)):
        world.drop_file(f"part-{number:04}.ndjson", texts[number])

    account, code = world.run_until_drained(timeout=600)
    counts = closing(account)
    national = world.national()
    print(account.strip().splitlines()[-1] if account.strip() else "no account")
    checks.equal(code, 0, "exit code of the last run")
    checks.equal(counts.get("unaccounted"), 0, "unaccounted resources and rows")
    if not checks.equal(national["held"], counts.get("accepted"), "rows that the national side holds, and those the ledger calls accepted"):
        print(account, json.dumps(national, indent=1), sep="\n")
    checks.equal(national["twice"], 0, "rows or files delivered twice")

    # The same input without a single kill must end in the same rows.
    calm = World(options.bin, patients=max(60, options.kills), seed=3, source="files+search")
    for number, text in enumerate(texts):
        calm.drop_file(f"part-{number:04}.ndjson", text)
    calm_account, calm_code = calm.run_until_drained(timeout=600)
    calm_counts = closing(calm_account)
    checks.equal(calm_code, 0, "exit code of the undisturbed run")
    for what in ("rows", "quarantined"):
        checks.equal(counts.get(what), calm_counts.get(what), f"{what} after {kills} kills, and without any")
    checks.check(kills >= options.kills, f"only {kills} kills")
    if options.kills >= len(points) * 2:
        missed = [p for p in points if p not in reached]
        print("not reached: " + (", ".join(missed) or "none"))
    calm.close(options.keep)
    world.close(options.keep or checks.failed > 0)
    checks.finish()


main()
