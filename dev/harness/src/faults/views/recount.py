"""Counts a stopped server's journal by a model of its own, and compares every row and roll-up of the views with it.

Called by views.rs with the data directory; prints JSON. It shares nothing with the server: the rules stand here once
more, as simple as they can be. At last it breaks a copy of the views in several ways, in transactions that it takes
back, and tells which of them it noticed.
"""

import collections
import datetime
import json
import math
import pathlib
import sqlite3
import sys

DAY_MS = 86_400_000
MINUTE_MS = 60_000
KEY_BITS = 21  # below the milliseconds of a key
EXAMPLES_MAX = 20
DELIVERED, PENDING, FAILED, CANCELLED = range(4)
VERDICT_DELIVERED, VERDICT_EXHAUSTED = 0, 2


def time_of(key):
    return key >> KEY_BITS


def day_of(ms):
    return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=ms // DAY_MS))


def bucket(us):
    """Durations are counted in buckets that grow by a quarter of an octave from 64 µs on."""
    return next((at for at in range(95) if at >= math.log2(max(us, 64) / 64) * 4), 95)


class Model:
    """What the journal says, day by day as the views are kept."""

    def __init__(self, journal):
        self.rows = {name: collections.defaultdict(set) for name in ("message", "delivery", "attempt")}
        self.sums = {
            name: collections.defaultdict(collections.Counter)
            for name in ("message_minute", "delivery_minute", "attempt_minute")
        }
        self.states = collections.defaultdict(lambda: [0, 0, 0, 0])
        cuts = dict(journal.execute("select endpoint, position from cut"))
        verdicts = collections.defaultdict(list)
        kinds = {}
        for key, application, event_type, channels, endpoints in journal.execute(
            "select key, application, event_type, channels, endpoints from message"
        ):
            kinds[key] = (application, event_type, channels and f" {channels} ")
            self.message(key, application, event_type)
            for ordinal in range(len(endpoints) // 8):
                verdicts[key, ordinal, int.from_bytes(endpoints[ordinal * 8 : ordinal * 8 + 8], "big")] = []
        for key, ordinal, endpoint in journal.execute("select message, ordinal, endpoint from added_delivery"):
            verdicts[key, ordinal, endpoint] = []
        for row in journal.execute(
            "select message, ordinal, number, endpoint, started_at, status, verdict, total_us from outcome"
            " order by message, ordinal, number"
        ):
            key, ordinal, number, endpoint, started_at, status, verdict, total_us = row
            if key in kinds:
                verdicts[key, ordinal, endpoint].append(verdict)
                self.attempt(key, ordinal, number, endpoint, started_at, status, verdict, total_us, kinds[key])
        for (key, ordinal, endpoint), made in verdicts.items():
            self.delivery(key, ordinal, endpoint, made, cuts.get(endpoint), kinds[key])

    def message(self, key, application, event_type):
        day = day_of(time_of(key))
        self.rows["message"][day].add((application, key, event_type))
        self.sums["message_minute"][day][application, time_of(key) // MINUTE_MS, event_type] += 1

    def attempt(self, key, ordinal, number, endpoint, started_at, status, verdict, total_us, kind):
        day, success = day_of(started_at), verdict == VERDICT_DELIVERED
        row = (endpoint, started_at, key, ordinal, number, int(success), status, kind[1], kind[2])
        self.rows["attempt"][day].add(row)
        minute = started_at // MINUTE_MS
        self.sums["attempt_minute"][day][endpoint, minute, "succeeded" if success else "failed"] += 1
        self.sums["attempt_minute"][day][endpoint, minute, bucket(total_us)] += 1

    def delivery(self, key, ordinal, endpoint, made, cut, kind):
        """Nothing is sent again in these runs: the first success ends a delivery, or the attempt that was the last."""
        if VERDICT_DELIVERED in made:
            state = DELIVERED
        elif made and made[-1] == VERDICT_EXHAUSTED:
            state = FAILED
        elif cut is not None and key <= cut:
            state = CANCELLED
        else:
            state = PENDING
        day = day_of(time_of(key))
        self.rows["delivery"][day].add((endpoint, key, ordinal, kind[0], state, kind[1], kind[2]))
        self.sums["delivery_minute"][day][endpoint, time_of(key) // MINUTE_MS, state] += 1
        self.states[endpoint][state] += 1


ROWS = {
    "message": "select application, key, name from message join event_type on id = event_type",
    "delivery": "select endpoint, message, ordinal, application, state, name, channels from delivery"
    " join event_type on id = event_type",
    "attempt": "select endpoint, started_at, message, ordinal, number, success, status, name, channels from attempt"
    " join event_type on id = event_type",
}
COUNTS = {
    "message_minute": "select application, minute, name, count from message_minute"
    " join event_type on id = event_type",
    "delivery_minute": "select endpoint, minute, state, count from delivery_minute",
}


def sums_of(file):
    sums = {name: collections.Counter() for name in (*COUNTS, "attempt_minute")}
    for name, sql in COUNTS.items():
        for *key, count in file.execute(sql):
            sums[name][tuple(key)] += count
    for endpoint, minute, succeeded, failed, durations in file.execute(
        "select endpoint, minute, succeeded, failed, durations from attempt_minute"
    ):
        of = sums["attempt_minute"]
        of[endpoint, minute, "succeeded"] += succeeded
        of[endpoint, minute, "failed"] += failed
        for at in range(0, len(durations), 5):
            of[endpoint, minute, durations[at]] += int.from_bytes(durations[at + 1 : at + 5], "big")
    return sums


def differences(model, files):
    found = []
    days = set(files).union(*(of.keys() for of in (*model.rows.values(), *model.sums.values())))
    for day in sorted(days):
        if day not in files:
            found.append(f"{day}: the file is missing")
            continue
        for table, sql in ROWS.items():
            listed = list(files[day].execute(sql))
            expected = model.rows[table][day]
            if len(listed) != len(set(listed)):
                found.append(f"{day}: {table} lists something twice")
            found += [f"{day}: {table} lacks {row}" for row in expected - set(listed)]
            found += [f"{day}: {table} has {row}" for row in set(listed) - expected]
        for table, listed in sums_of(files[day]).items():
            expected = model.sums[table][day]
            for key in {*listed, *expected}:
                if listed[key] != expected[key]:
                    found.append(f"{day}: {table} {key} is {listed[key]}, a recount finds {expected[key]}")
    return found


BREAKS = {
    "a count too high": "update delivery_minute set count = count + 1",
    "a state of yesterday": "update delivery set state = 1 where state = 0",
    "an attempt that is missing": "delete from attempt where number = 1",
    "a message twice as often": "update message_minute set count = count * 2",
    "durations of others": "update attempt_minute set durations = x'0500000001'",
}


def unnoticed_breaks(model, files):
    missed = []
    for name, sql in BREAKS.items():
        for file in files.values():
            file.execute("begin")
            file.execute(sql)
        if not differences(model, files):
            missed.append(name)
        for file in files.values():
            file.execute("rollback")
    return missed


def main(directory, with_controls):
    def opened(path):
        return sqlite3.connect(path, isolation_level=None)

    model = Model(opened(directory / "journal.db"))
    files = {path.stem: opened(path) for path in (directory / "views").glob("*.db")}
    found = differences(model, files)
    if (directory / "views" / "building").exists():
        found.append("the views are not built to their end")
    return {
        "differences": len(found),
        "examples": found[:EXAMPLES_MAX],
        "rows": {name: sum(map(len, days.values())) for name, days in model.rows.items()},
        "states": [model.states[endpoint] for endpoint in sorted(model.states)],
        "unnoticed": unnoticed_breaks(model, files) if with_controls else [],
    }


if __name__ == "__main__":
    print(json.dumps(main(pathlib.Path(sys.argv[1]), "--controls" in sys.argv)))
