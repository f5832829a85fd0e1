#!/usr/bin/env python3
"""kill -9 at every fault point and at random moments; afterwards nothing may be lost, doubled or unaccounted."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers" / "lib"))
from peer import fates  # noqa: E402
from world import Checks, closing  # noqa: E402
from worlds import Pulled, Pushed  # noqa: E402

TEST_ONLY = "test."  # points of this name stand in no gateway; the tests of the fault points themselves use them

# Steps that wait for a month, a day or a rule over a whole file. tests/scenarios kills at each of them (month_kills), with a calendar of
# its own; here no clock comes to them.
IN_MONTHS = ("pipeline.lane.before_open_month", "pipeline.lane.after_open_month", "pipeline.lane.before_open_day", "pipeline.lane.after_open_day",
             "pipeline.lane.before_leave_out", "pipeline.lane.after_leave_out", "pipeline.lane.before_refuse", "pipeline.lane.before_rebuild",
             "pipeline.lane.after_rebuild", "store.leave_out.before_commit", "store.leave_out.after_commit")

AT_FIRST = "store.migrate."  # points that a gateway comes to only where it makes its store


class Crash:
    """Kills, and what they hit."""

    def __init__(self, sides, dice, checks):
        self.sides, self.dice, self.checks = sides, dice, checks
        self.reached, self.kills, self.moments, self.turn, self.ended = {}, 0, 0, 0, 0

    def side_of(self, point):
        for side in self.sides:
            if point and point.startswith(side.own):
                return side
        self.turn += 1
        return self.sides[self.turn % len(self.sides)]

    def kill(self, point, arrival=1):
        """One life of a gateway, ended at the point's n-th arrival, or (None) at a random moment. True: where it was meant to."""
        side = self.side_of(point)
        side.before(point)
        side.feed()
        gateway = side.world.start_gateway(fault=f"{point}:{arrival}" if point else None)
        deadline = time.time() + ((20.0 if arrival == 1 else 5.0) if point else self.dice.uniform(0.05, 1.5))
        if point:
            side.meanwhile(gateway, point)
        while gateway.poll() is None and time.time() < deadline:
            time.sleep(0.005)
        hit = gateway.poll() == -9
        if hit:
            self.reached[point] = self.reached.get(point, 0) + 1
        elif gateway.poll() is None:  # not come to (an answer that is not due now): a random moment then
            gateway.kill()
            self.moments += 1
        else:
            self.checks.check(False, f"the gateway ended by itself with {gateway.returncode} (fault {point}):\n" + side.world.log_tail())
            self.ended += 1
            if self.ended == 3:  # a gateway that does not run cannot be killed
                self.checks.finish()
        gateway.communicate()
        self.kills += 1
        if self.kills % 20 == 0:
            print(f"  {self.kills} kills: {self.kills - self.moments} at {len(self.reached)} fault points, {self.moments} at random moments", flush=True)
        return hit


def run_kills(crash, points, kills, whole, dice):
    """Each point once, then points and random moments in turn; a run too short for all points takes them evenly spread."""
    if not whole:
        points = [points[i * len(points) // (kills * 3 // 4)] for i in range(kills * 3 // 4)]
    points = sorted(points, key=lambda point: not point.startswith(AT_FIRST))
    for number, point in enumerate(points):
        crash.kill(point)
        if number % 4 == 3 and crash.kills < kills:
            crash.kill(None)
    again = [point for point in points if not point.startswith(AT_FIRST)]
    while crash.kills < kills:
        crash.kill(dice.choice(again) if dice.random() < 0.6 else None, dice.choice([1, 1, 1, 2, 3]))


def settle(side, binary, checks, keep):
    """Drains what is left, and compares with a run of the same input that nobody disturbed."""
    account, code = side.finish()
    counts = closing(account)
    print(f"{side.title}: " + (account.strip().splitlines()[-1] if account.strip() else "no account"), flush=True)
    failed = checks.failed
    checks.equal(code, 0, f"{side.title}: exit code of the last run")
    checks.equal((counts.get("unaccounted"), counts.get("rejected")), (0, 0), f"{side.title}: unaccounted and rejected")
    side.check(checks, counts)
    world, calm_account, calm_code = side.calm(binary)
    calm = closing(calm_account)
    checks.equal(calm_code, 0, f"{side.title}: exit code of the undisturbed run")
    for what in ("rows", "quarantined"):
        checks.equal(counts.get(what), calm.get(what), f"{side.title}: {what} after the kills, and without any")
    mine, theirs = fates(side.world), fates(world)
    checks.equal(sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k)), [], f"{side.title}: resources with another outcome than without any kill")
    side.check_calm(checks, world)
    if checks.failed > failed:
        print(account, json.dumps(side.world.national(), indent=1) if side.world.simulator else "", sep="\n")
    world.close(keep)
    side.close(keep or checks.failed > 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--point", action="append", default=[], help="only this fault point (may be repeated)")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    checks = Checks()
    listed = subprocess.run([options.bin, "fault-points"], check=True, capture_output=True, text=True).stdout.split()
    checks.equal([p for p in IN_MONTHS if p not in listed], [], "points of months that do not exist")
    points = [p for p in listed if not p.startswith(TEST_ONLY) and p not in IN_MONTHS]
    wanted = options.point or points
    checks.equal([p for p in wanted if p not in points], [], "points that do not exist")

    sides = [Pulled(options.bin, options.kills), Pushed(options.bin, options.kills)]
    crash = Crash(sides, dice, checks)
    print(f"{len(points)} fault points, {options.kills} kills", flush=True)
    begin = time.time()
    whole = options.kills >= len(points) * 2 or bool(options.point)
    run_kills(crash, wanted, options.kills, whole, dice)
    missed = [p for p in wanted if p not in crash.reached]
    if whole:
        for point in missed:  # twice more: an arrival may be a matter of luck
            crash.kill(point) or crash.kill(point)
        missed = [p for p in wanted if p not in crash.reached]
        checks.equal(missed, [], "fault points at which no gateway was killed")
    checks.check(crash.kills >= options.kills, f"only {crash.kills} kills")
    print(f"{crash.kills} kills in {time.time() - begin:.0f} s: {crash.kills - crash.moments} at {len(crash.reached)} of {len(points)} fault points, "
          f"{crash.moments} at random moments; {sides[1].pusher.again} pushes sent again", flush=True)
    for side in sides:
        settle(side, options.bin, checks, options.keep)
    checks.finish()


main()
