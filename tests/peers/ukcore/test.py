#!/usr/bin/env python3
"""The UK Core examples through the gateway: from a watched folder to a folder. Prints what did not hold and the closing line."""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from peer import account_for  # noqa: E402
from world import Checks, World, closing  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--examples", required=True, type=pathlib.Path)
    options = parser.parse_args()
    checks = Checks()
    world = World(options.bin, patients=None, source="files", destination="folder")
    try:
        files = sorted(options.examples.rglob("*.json"))
        for path in files:
            world.drop_file(path.name, path.read_text(encoding="utf-8-sig"))
        account, code = world.run_until_drained(120)
        counts = closing(account)
        checks.equal(code, 0, "gateway: exit code" + ("" if code == 0 else account[-1500:]))
        checks.equal(counts.get("unaccounted"), 0, "gateway: unaccounted")
        checks.check(counts.get("accepted", 0) > 0, f"gateway: no row was delivered: {counts}")
        source = account_for(checks, world, "gateway")["sources"]["drop"]
        checks.check(source["received"] + source["rejected"] >= len(files), f"gateway: {source['received']} resources of {len(files)} files")
        checks.equal(source["rejected"], 0, "gateway: refused resources")
        print(f"gateway: {source['received']} resources, " + ", ".join(f"{source[key]} {key}" for key in ("delivered", "filtered", "quarantined", "waiting")))
    finally:
        world.close()
    checks.finish()


main()
