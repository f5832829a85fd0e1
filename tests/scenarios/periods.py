"""Days and months: what goes when, and once, whatever is killed."""
import datetime
import json
import re
import zipfile

from world import World, closing, get
from support import agrees, post, wait_for


def daily_window(binary, checks):
    """In daily mode everything goes once, after the hour; a later change waits for the next day."""
    world = World(binary, patients=25, source="search", destination_extra='mode = "daily"\nat = "00:00"\n')
    try:
        counts = agrees(checks, world, *world.run_until_drained(), "daily")
        checks.check(counts.get("accepted", 0) > 50, f"daily: {counts}")
    finally:
        world.close()


def last_month():
    """First and last day of the month before this one."""
    last = datetime.date.today().replace(day=1) - datetime.timedelta(days=1)
    return last.replace(day=1), last


def month_end(binary, checks):
    """A month end: primary, a late contact in the refresh, closed, and rebuilt by hand after a preview."""
    first, _ = last_month()
    month, today, day = first.strftime("%Y-%m"), datetime.date.today(), datetime.timedelta(days=1)
    open_now, long_ago = (today - day, today + day), ("2001-01-01", "2001-01-02")
    world = World(binary, patients=60, source="search", destination_extra='mode = "monthly"\nat = "00:00"\ndays_before_close = 28\n')
    gateway = None
    try:
        world.set_calendar({(month, "primary"): open_now})
        agrees(checks, world, *world.run_until_drained(), "primary")
        rows = lambda table: get(world.sim["national"].replace("summary", f"rows?table={table}")).splitlines()
        contacts, national = rows("CYP201"), world.national()
        checks.check(len(contacts) > 5, f"month end: only {len(contacts)} contacts in the primary")
        checks.equal(national["rejected"], 0, "month end: rows of the primary that the national side rejects")
        checks.check(all(month in str(row) for row in contacts), "month end: contacts of another month went with the primary")
        checks.equal(national["submissions"], 1, "month end: submissions of the primary")
        agrees(checks, world, *world.run_until_drained(), "primary again")
        checks.equal(world.national()["submissions"], 1, "month end: the primary went twice")

        bundle = json.loads(get(world.sim["epr"] + "/Encounter?_count=500"))
        sample = next(e["resource"] for e in bundle["entry"] if e["resource"].get("status") == "finished"
                      and e["resource"]["period"]["start"].startswith(month) and e["resource"].get("identifier"))

        def late(name):
            """The sample once more, as another contact of the same time."""
            new = json.loads(json.dumps(sample))
            new.update(id=name)
            new.pop("meta", None)
            for identifier in new["identifier"]:
                identifier["value"] = name
            status, text = post(f"{world.sim['epr']}/Encounter/{name}", json.dumps(new), method="PUT")
            checks.check(status in (200, 201), f"month end: PUT was answered with {status} {text[:200]}")

        late("late-1")
        world.set_calendar({(month, "primary"): long_ago, (month, "refresh"): open_now})
        agrees(checks, world, *world.run_until_drained(), "refresh")
        refreshed = rows("CYP201")
        checks.equal(len(refreshed), len(contacts) + 1, "month end: contacts after the refresh")
        checks.equal(world.national()["submissions"], 2, "month end: submissions after the refresh")

        late("late-2")
        world.set_calendar({(month, "primary"): long_ago, (month, "refresh"): ("2001-02-01", "2001-02-02")})
        gateway = world.start_gateway()
        held = lambda: [h for h in world.status()["destinations"][0]["held"] if h["month"] == month]
        checks.check(wait_for(lambda: held() and held()[0]["rows"] == 1, 60), f"month end: the late row is not shown as held: {world.status()['destinations'][0]}")
        checks.check("closed on 2001-02-02" in held()[0]["reason"], f"month end: the reason is {held()[0]['reason']}")
        metrics = get(f"http://127.0.0.1:{world.admin_port}/metrics")
        checks.check(re.search(r'tributary_rows_held\{destination="national"\} [1-9]', metrics), "month end: metrics do not show what is held")
        shown, code = world.command("status", "-c", world.config)
        checks.check(code == 0 and f"rows of {month}" in shown, f"month end: tributary status shows {shown}")
        checks.equal(world.national()["submissions"], 2, "month end: something was sent after the refresh had closed")

        dry, code = world.command("rebuild", month, "-c", world.config, "-o", world.folder / "dry")
        checks.check(code == 0 and "nothing was sent" in dry, f"month end: rebuild -o said {dry}")
        preview, code = world.command("rebuild", month, "-c", world.config, "--preview")
        digest = re.search(r"--confirm ([0-9a-f]+)", preview)
        checks.check(code == 0 and digest and "1 of them not yet there" in preview, f"month end: the preview said {preview}")
        checks.equal(world.national()["submissions"], 2, "month end: a preview sent something")
        _, code = world.command("rebuild", month, "-c", world.config, "--confirm", "0" * 12)
        checks.check(code != 0, "month end: a wrong confirmation was taken")
        for attempt, words in enumerate(("goes out as", "had been ordered before")):
            said, code = world.command("rebuild", month, "-c", world.config, "--confirm", digest.group(1))
            checks.check(code == 0 and words in said, f"month end: order {attempt + 1} said {said}")
        checks.check(wait_for(lambda: len(rows("CYP201")) == len(refreshed) + 1 and not held(), 60), "month end: the rebuilt month did not arrive")
        checks.equal(world.national()["submissions"], 3, "month end: submissions after the rebuild")
        gateway.terminate()
        checks.equal(gateway.wait(20), 0, "month end: graceful stop")
        gateway = None
        agrees(checks, world, *world.run_until_drained(), "rebuilt")
        checks.equal(world.national()["rejected"], 0, "month end: rows that the national side rejected")
    finally:
        if gateway:
            gateway.kill()
        world.close()


def month_kills(binary, checks):
    """Killed at each step of a month, of a day, and of leaving rows out: afterwards everything goes once."""
    first, _ = last_month()
    month, today, day = first.strftime("%Y-%m"), datetime.date.today(), datetime.timedelta(days=1)
    source = World(binary, patients=12, source="search")
    try:
        lines = [json.dumps(e["resource"]) for kind in ("Organization", "Practitioner", "PractitionerRole", "Location", "CareTeam", "HealthcareService",
                                                        "Patient", "ServiceRequest", "EpisodeOfCare", "Encounter")
                 for e in json.loads(get(f"{source.sim['epr']}/{kind}?_count=500")).get("entry", [])]
    finally:
        source.close()
    numbers = sorted(set(re.findall(r'"(9\d{9})"', "\n".join(lines))))
    checks.check(len(numbers) > 5, "kills: the caseload has no NHS numbers")
    good = "\n".join(lines)
    doubled = good.replace(f'"{numbers[1]}"', f'"{numbers[0]}"')  # two patients with one number
    staff = "\n".join(line for line in lines if json.loads(line)["resourceType"] in ("Organization", "Practitioner", "PractitionerRole"))
    monthly, daily = 'mode = "monthly"\nat = "00:00"\ndays_before_close = 28\n', 'mode = "daily"\nat = "00:00"\n'
    points = [("pipeline.lane.before_open_month", monthly, good), ("pipeline.lane.after_open_month", monthly, good),
              ("pipeline.lane.before_leave_out", monthly, doubled), ("pipeline.lane.after_leave_out", monthly, doubled),
              ("store.leave_out.before_commit", monthly, doubled), ("store.leave_out.after_commit", monthly, doubled),
              ("pipeline.lane.before_refuse", monthly, staff),  # a month without its mandatory tables
              ("pipeline.lane.before_open_day", daily, good), ("pipeline.lane.after_open_day", daily, good),
              ("pipeline.lane.before_rebuild", monthly, good), ("pipeline.lane.after_rebuild", monthly, good)]
    for point, mode, text in points:
        world = World(binary, patients=None, source="files", destination="folder", destination_extra=mode)
        gateway = None
        try:
            by_hand = "rebuild" in point
            window = ("2001-01-01", "2001-01-02") if by_hand else (today - day, today + day)
            world.set_calendar({(month, "primary"): window})
            world.drop_file("all.ndjson", text + "\n")
            gateway = world.start_gateway(fault=point + ":1")
            if by_hand:
                checks.check(wait_for(lambda: world.status()["destinations"][0]["heldRows"] > 0, 60), f"kills: {point}: nothing is held")
                preview, _ = world.command("rebuild", month, "-c", world.config, "--preview")
                confirm = re.search(r"--confirm ([0-9a-f]+)", preview)
                checks.check(confirm is not None, f"kills: {point}: the preview said {preview}")
                if confirm is None:
                    continue
                order = ("rebuild", month, "-c", world.config, "--confirm", confirm.group(1))
                world.command(*order)
            checks.check(wait_for(lambda: gateway.poll() is not None, 60), f"kills: {point} was not reached")
            checks.equal(gateway.poll(), -9, f"kills: {point}: how the gateway ended")
            gateway.kill()
            gateway.communicate()
            gateway = None
            if by_hand:
                gateway = world.start_gateway()
                wait_for(lambda: get(f"http://127.0.0.1:{world.admin_port}/readyz").startswith("ready"))
                said, code = world.command(*order)  # the same order again, as the operator would
                checks.equal(code, 0, f"kills: {point}: the order again: {said}")
                checks.check(wait_for(lambda: world.status()["destinations"][0]["submissions"] + world.status()["destinations"][0]["accepted"] > 0, 30),
                             f"kills: {point}: nothing was sent")
                gateway.terminate()
                gateway.wait(20)
                gateway = None
            account, code = world.run_until_drained()
            counts, files = closing(account), sorted((world.folder / "out").glob("*.zip"))
            checks.equal(code, 0, f"kills: {point}: exit code")
            checks.equal(counts.get("unaccounted"), 0, f"kills: {point}: unaccounted")
            if text is staff:
                checks.equal(len(files), 0, f"kills: {point}: files of a month that must not go")
            elif mode is monthly:
                checks.equal(len(files), 1, f"kills: {point}: files of the month")
            if text is doubled:
                checks.check(counts.get("rejected", 0) > 0, f"kills: {point}: nobody was left out ({counts})")
            if mode is daily:
                sent = sum(len(zipfile.ZipFile(file).read("CYP201CareContact.csv").splitlines()) - 1 for file in files
                           if "CYP201CareContact.csv" in zipfile.ZipFile(file).namelist())
                checks.check(sent > 0, f"kills: {point}: no contact was sent")
        finally:
            if gateway:
                gateway.kill()
                gateway.communicate()
            world.close()
