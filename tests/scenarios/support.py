"""What the scenarios share: requests, waiting, and the account beside what the national side holds."""
import json
import urllib.error
import urllib.request

from world import closing, get, wait_for  # noqa: F401 (the scenarios take it from here)


def post(url, body, kind="application/fhir+json", method="POST"):
    request = urllib.request.Request(url, data=body.encode(), method=method, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def national_rows(world, table):
    """What the national side holds of a table."""
    return [json.loads(line) for line in get(world.sim["national"].replace("summary", "rows?table=" + table)).splitlines()]


def delete(url):
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()


def agrees(checks, world, account, code, name):
    counts, national = closing(account), world.national()
    checks.equal(code, 0, f"{name}: exit code")
    checks.equal(counts.get("unaccounted"), 0, f"{name}: unaccounted")
    checks.equal(national["held"], counts.get("accepted"), f"{name}: rows that the national side holds, and those the ledger calls accepted")
    checks.equal(national["twice"], 0, f"{name}: delivered twice")
    return counts
