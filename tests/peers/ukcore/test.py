#!/usr/bin/env python3
"""The UK Core examples through the gateway: from a watched folder to a folder. Prints what did not hold and the closing line."""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from peer import account_for, fates  # noqa: E402
from world import Checks, World, closing  # noqa: E402

# Bundle entries that hold no resource but ask for one; a gateway answers no searches, so they are refused with this rule.
READS = "interaction-not-taken"
# A Bundle with nothing in it: the answer to a search that found nothing.
EMPTY = {"UKCore-Bundle-Sn-NoAllergyData-Example.json"}


def contents(text):
    """What a file holds: the "Type/id" of its resources, and how many entries ask for a read."""
    resource = json.loads(text)
    if resource["resourceType"] != "Bundle":
        return [f"{resource['resourceType']}/{resource['id']}"], 0
    keys, reads = [], 0
    for entry in resource.get("entry", []):
        if entry.get("request", {}).get("method") == "GET":
            reads += 1
            continue
        one = entry["resource"]
        keys.append(f"{one['resourceType']}/{one.get('id') or entry['fullUrl'].removeprefix('urn:uuid:')}")
    return keys, reads


def check_each(checks, held, fate, refusals):
    """File by file: each resource has an outcome, one that is no delivery with its rule; each read is refused."""
    refused = {}
    for one in refusals:
        refused.setdefault(one["where"], []).append(one["rule"])
    unexplained = []
    for name, (keys, reads) in held.items():
        outcomes = [fate.pop(key, None) for key in keys]
        explained = all(o and (o[0] == "delivered" or (o[0] in ("filtered", "quarantined") and o[1])) for o in outcomes)
        if not explained or refused.pop(name, []) != [READS] * reads or (not keys and not reads and name not in EMPTY):
            unexplained.append(name)
    checks.equal(unexplained, [], f"gateway: of {len(held)} examples, those not accounted for")
    checks.equal((sorted(fate), refused), ([], {}), "gateway: resources and refusals that no example explains")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--examples", required=True, type=pathlib.Path)
    options = parser.parse_args()
    checks = Checks()
    world = World(options.bin, patients=None, source="files", destination="folder")
    try:
        held = {}
        for path in sorted(options.examples.rglob("*.json")):
            text = path.read_text(encoding="utf-8-sig")
            held[path.name] = contents(text)
            world.drop_file(path.name, text)
        account, code = world.run_until_drained(120)
        counts = closing(account)
        checks.equal(code, 0, "gateway: exit code" + ("" if code == 0 else account[-1500:]))
        checks.equal(counts.get("unaccounted"), 0, "gateway: unaccounted")
        checks.check(counts.get("accepted", 0) > 0, f"gateway: no row was delivered: {counts}")
        found = account_for(checks, world, "gateway")
        check_each(checks, held, fates(world), found["refused"])
        source = found["sources"]["drop"]
        checks.equal(source["rejected"], len(found["refused"]), "gateway: refused entries, and those on record")
        print(f"gateway: {len(held)} examples, {source['received']} resources, "
              + ", ".join(f"{source[key]} {key}" for key in ("delivered", "filtered", "quarantined", "waiting"))
              + f"; {source['rejected']} entries refused ({READS}): " + ", ".join(name for name, (_, reads) in held.items() if reads))
    finally:
        world.close()
    checks.finish()


main()
