#!/usr/bin/env python3
"""Makes tables and a plot of what was measured.

report.py MEMORY.json SYNCED.json CALLS.jsonl            prints the tables
report.py MEMORY.json SYNCED.json CALLS.jsonl --write    puts them into bench/RESULTS.md, and the plot into bench/results.svg

The first two are bench_compare's (Google Benchmark's format), the third is bench_calls'.
"""

import json
import math
import pathlib
import platform
import re
import sys
from collections import defaultdict
from html import escape

HERE = pathlib.Path(__file__).parent
BEGIN = "<!-- measured: written by ./bench/run -->\n"
END = "<!-- end of measured -->\n"
ORDER = ["get", "get 16 at once", "get zipf", "set", "mix 90:10", "destroy+create", "set synced", "16 writers", "64 writers"]


def show(nanoseconds):
    if nanoseconds < 1e5:
        return f"{nanoseconds / 1000:.2f} us"
    return f"{nanoseconds / 1000:.0f} us"


def medians(report):
    """Of each contender, by what it does. The chase is of nobody."""
    times = defaultdict(dict)
    runs = report["benchmarks"]
    aggregates = [run for run in runs if run.get("aggregate_name") == "median"]
    for run in aggregates or runs:
        what, _, who = run["run_name"].rpartition("/iterations:")[0].partition("/")
        times[who][what] = run["real_time"]
    return times


def ours_of(times):
    return "hybrid" if "hybrid" in times else "hybrid always"


def ordered(times):
    return sorted(filter(None, times), key=lambda who: (not who.startswith("hybrid"), who))


def table(report):
    times = medians(report)
    ours = times[ours_of(times)]
    done = [what for what in ORDER if what in ours]
    memory = {key.removeprefix("bytes a session: "): value
              for key, value in report["context"].items() if key.startswith("bytes a session: ")}
    has_memory = "get" in ours
    lines = ["| | " + " | ".join(done) + (" | bytes a session |" if has_memory else " |"),
             "|---|" + "---:|" * (len(done) + has_memory)]
    for who in ordered(times):
        cells = [f"{show(times[who][what])} ({times[who][what] / ours[what]:.2f}x)" if what in times[who] else ""
                 for what in done]
        lines.append(f"| {who} | " + " | ".join(cells) + (f" | {memory.get(who, '')} |" if has_memory else " |"))
    if "chase" in times[""]:
        chase = times[""]["chase"]
        lines += ["", f"One dependent cache miss takes {show(chase)}; a get is {ours['get'] / chase:.1f} of them."]
    return "\n".join(lines) + "\n"


def calls_table(lines):
    out = ["| call | time | of a load + set |", "|---|---:|---:|"]
    threads = ["| two threads do, times as much as one | by the clock | by processor time |", "|---|---:|---:|"]
    for line in lines:
        if "call" in line:
            out.append(f"| {line['call']} | {show(line['ns'])} | {line['of_a_set']:.2f} |")
        else:
            threads.append(f"| {line['two_threads']} | {line['gain']:.2f} | {line['gain_by_processor_time']:.2f} |")
    return "\n".join(out) + "\n\n" + "\n".join(threads) + "\n"


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    virtual = "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return f"{model[1] if model else platform.machine()}{', a virtual machine' if virtual else ''}, Linux {platform.release()}"


def plot(report):
    """Bars on a logarithmic scale, shortest first."""
    times = medians(report)
    panels = [what for what in ("get", "set", "destroy+create") if what in times[ours_of(times)]]
    everyone = ordered(times)
    row, left, width, head = 20, 130, 480, 34
    values = [times[who][what] for who in everyone for what in panels]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    scale = lambda ns: width * (math.log10(ns) - low) / (high - low)
    height = len(panels) * (head + row * len(everyone) + 24)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 130} {height}" '
           'font-family="system-ui, sans-serif" font-size="12">',
           "<style>text{fill:#222}.t{font-weight:600;font-size:14px}line{stroke:#ddd}rect{fill:#9aa7b5}.h{fill:#0a7d5a}",
           "@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#444}.h{fill:#3dbb92}}</style>"]
    top = 0
    for what in panels:
        out.append(f'<text class="t" x="{left}" y="{top + 20}">{escape(what)}: time of one, less is better '
                   "(logarithmic)</text>")
        bottom = top + head + row * len(everyone)
        for power in range(low, high + 1):
            x = left + scale(10 ** power)
            out.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{top + head - 4}" y2="{bottom}"/>')
            label = f"{10 ** power} ns" if power < 3 else f"{10 ** (power - 3)} us"
            out.append(f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle">{label}</text>')
        for i, who in enumerate(sorted(everyone, key=lambda who: times[who][what])):
            y = top + head + row * i
            ns = times[who][what]
            kind = ' class="h"' if who.startswith("hybrid") else ""
            out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(who.rstrip(":"))}</text>')
            out.append(f'<rect{kind} x="{left}" y="{y}" width="{scale(ns):.0f}" height="{row - 6}"/>')
            out.append(f'<text x="{left + scale(ns) + 6:.0f}" y="{y + 12}">{show(ns)}</text>')
        top = bottom + 24
    return "\n".join(out) + "\n</svg>\n"


def main():
    write = sys.argv[4:] == ["--write"]
    if len(sys.argv) < 4 or (sys.argv[4:] and not write):
        sys.exit(__doc__)
    memory = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    synced = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    calls = [json.loads(line) for line in pathlib.Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()]
    text = "\n".join([
        f"{int(memory['context']['sessions']):,} sessions of 8 keys x 100 bytes, one thread, all in one shuffled run, medians; in brackets "
        f"the ratio to hybrid (`interval`). {machine()}.\n",
        table(memory),
        f"Each change waits for the disk ({synced['context']['sessions']} sessions):\n",
        table(synced),
        "hybrid's calls, one after the other in rounds (`bench_calls`):\n",
        calls_table(calls)])
    print(text)
    if write:
        results = HERE / "RESULTS.md"
        before, rest = results.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        results.write_text(before + BEGIN + text + END + after, encoding="utf-8")
        (HERE / "results.svg").write_text(plot(memory), encoding="utf-8")


main()
