#!/usr/bin/env python3
"""Makes a table of what bench_compare wrote: report.py FILE.json... (Google Benchmark's format)."""

import json
import sys
from collections import defaultdict


def show(nanoseconds):
    return f"{nanoseconds / 1000:.2f} us" if nanoseconds < 1e5 else f"{nanoseconds / 1000:.0f} us"


def table(report):
    times = defaultdict(dict)  # of each contender, by what it does
    done = []
    for run in report["benchmarks"]:
        if run.get("aggregate_name") != "median":
            continue
        what, _, who = run["run_name"].rpartition("/iterations:")[0].partition("/")
        times[who][what] = run["real_time"]
        if who and what not in done:
            done.append(what)
    done.sort(key=["get", "get zipf", "set", "mix 90:10", "destroy+create", "set synced"].index)
    memory = {key.removeprefix("bytes a session: "): value
              for key, value in report["context"].items() if key.startswith("bytes a session: ")}
    ours = next(who for who in ("hybrid", "hybrid always") if who in times)
    print("| | " + " | ".join(done) + " | bytes a session |")
    print("|---|" + "---:|" * (len(done) + 1))
    for who in sorted(filter(None, times), key=lambda who: (not who.startswith("hybrid"), who)):
        cells = [f"{show(times[who][what])} ({times[who][what] / times[ours][what]:.2f}x)" for what in done]
        print(f"| {who} | " + " | ".join(cells) + f" | {memory.get(who, '')} |")
    if "chase" in times[""]:
        print(f"\nOne dependent cache miss: {show(times['']['chase'])}.")
    print()


for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        table(json.load(file))
