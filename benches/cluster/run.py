#!/usr/bin/env python3
"""What --redis costs: the same work in memory and with a history in Redis, in turn in one run.

    python3 benches/cluster/run.py                 all works, 5 rounds
    python3 benches/cluster/run.py --works publish,delivery --rounds 3
    python3 benches/cluster/run.py --quick         a smoke test of a few seconds each

It needs Python, Linux, redis-server with its tools, and a build: SSE_CHAT_BIN names it,
otherwise it is built with the profile `dist`, as packages are. README.md says how to read
the figures. Run nothing else on the machine meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benches" / "durable"))

from redis_server import Redis
from server import Server

KINDS = ("memory", "redis")
# The time limit of one measurement, in seconds.
LIMIT = 600
# How many publishers are in flight in `publish`, and calls in the pipeline beside it.
IN_FLIGHT = 64


class Bench:
    """What all works need: the programs, the cores, the lengths."""

    def __init__(self, arguments):
        self.binary = str(Path(arguments.binary).resolve())
        self.redis = arguments.redis
        self.seconds = 1 if arguments.quick else arguments.seconds
        self.readers = 200 if arguments.quick else 9000
        cores = sorted(os.sched_getaffinity(0))
        # The server, and all that is beside it: Redis and the load.
        self.own, self.other = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)

    def load(self, server, *flags):
        """The report of `sse-chat bench` against a server."""
        command = [self.binary, "bench", "--url", server.url, "--pid", server.pid, "--json", "-", *flags]
        if self.other is not None:
            command = ["taskset", "-c", str(self.other), *command]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        if ran.returncode != 0:
            raise SystemExit(f"sse-chat bench: {ran.stderr.strip()}")
        run = json.loads(ran.stdout)["runs"][0]
        sent = run["publish"]
        if sent and (sent["refused"] or sent["unanswered"]):
            raise SystemExit(f"{sent['refused']} messages refused, {sent['unanswered']} unanswered")
        return run

    def with_server(self, kind, flags, work):
        """Does `work` with a server, and with its Redis, if it has one."""
        if kind == "memory":
            with Server(self.binary, flags, self.own) as server:
                return work(server, None)
        with Redis(self.redis, self.other) as redis:
            with Server(self.binary, [*flags, "--redis", redis.url], self.own) as server:
                return work(server, redis)


def publish(bench, kind):
    """64 publishers with one request each, without readers."""

    def work(server, redis):
        run = bench.load(
            server,
            *("--mode", "publish", "--publishers", str(IN_FLIGHT), "--rooms", "1"),
            *("--duration", f"{bench.seconds}s"),
        )
        figures = {
            "per_second": run["publish"]["per_second"],
            "p50_us": run["publish"]["answer"]["p50_us"],
            "cpu_us": run["server"]["cpu_us_per_publish"],
        }
        if redis:
            # On the core of the load, where Redis is: as in the work.
            figures["function_per_second"] = redis.publishes_per_second(IN_FLIGHT, bench.seconds, bench.other)
        return figures

    return bench.with_server(kind, [], work)


def delivery(bench, kind):
    """100 messages/s to 10 readers of one room."""

    def work(server, _):
        run = bench.load(
            server,
            *("--subscribers", "10", "--rate", "100", "--publishers", "1"),
            *("--duration", f"{bench.seconds}s", "--warmup", "1s"),
        )
        each = run["delivery"]["each"]
        return {"p50_us": each["p50_us"], "p99_us": each["p99_us"]}

    return bench.with_server(kind, [], work)


def readers(bench, kind):
    """10 messages/s to 9,000 readers of one room."""

    def work(server, _):
        run = bench.load(
            server,
            *("--subscribers", str(bench.readers), "--rate", "10", "--publishers", "1"),
            *("--duration", f"{bench.seconds}s", "--warmup", "2s"),
        )
        delivered = run["delivery"]
        return {
            "cpu_us": run["server"]["cpu_us_per_delivery"],
            "p50_us": delivered["each"]["p50_us"],
            "lost": delivered["lost"] + delivered["announced_lost"],
        }

    return bench.with_server(kind, ["--max-connections", "20000", "--max-streams", "20000"], work)


WORKS = {"publish": publish, "delivery": delivery, "readers": readers}


def goals(medians):
    """The goals as (what, measured, goal, is reached), of the works that ran."""
    rows = []

    def at_most(what, measured, goal, unit):
        rows.append((what, f"{measured:,.2f} {unit}", f"≤ {goal:,.2f} {unit}", measured <= goal))

    if sent := medians.get("publish"):
        rate, function = sent["redis"]["per_second"], sent["redis"]["function_per_second"]
        goal = 0.5 * min(sent["memory"]["per_second"], function)
        rows.append(("publishes/s, 64 in flight", f"{rate:,.0f}", f"≥ {goal:,.0f}", rate >= goal))
    if got := medians.get("delivery"):
        for figure, most in (("p50_us", 2), ("p99_us", 10)):
            added = (got["redis"][figure] - got["memory"][figure]) / 1000
            at_most(f"added delivery time, {figure[:3]}", added, most, "ms")
    if read := medians.get("readers"):
        at_most("CPU per delivery", read["redis"]["cpu_us"] / read["memory"]["cpu_us"], 1.05, "× memory")
    return rows


def print_tables(medians, spreads):
    for work, kinds in medians.items():
        print(f"\n{work}\n\n| figure | memory | redis | ratio |\n| --- | ---: | ---: | ---: |")
        for figure in kinds["redis"]:
            cells = []
            for kind in KINDS:
                if figure not in kinds[kind]:
                    cells.append("")
                    continue
                low, high = spreads[work][kind][figure]
                cells.append(f"{kinds[kind][figure]:,.2f} ({low:,.2f} to {high:,.2f})")
            memory = kinds["memory"].get(figure)
            ratio = f"{kinds['redis'][figure] / memory:.2f}" if memory else ""
            print(f"| {figure} | {cells[0]} | {cells[1]} | {ratio} |")
    print("\n| goal | measured | must be | reached |\n| --- | --- | --- | --- |")
    for what, measured, goal, is_reached in goals(medians):
        print(f"| {what} | {measured} | {goal} | {'yes' if is_reached else 'no'} |")


def measure(bench, works, rounds):
    """Runs the works in turn and prints their tables. Returns all figures of all rounds."""
    figures = {work: {kind: [] for kind in KINDS} for work in works}
    for number in range(rounds):
        for work in works:
            # In a changing order, so that what drifts meets both.
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                print(f"round {number + 1}: {work}, {kind}", file=sys.stderr)
                figures[work][kind].append(WORKS[work](bench, kind))
    over = lambda reduce: {
        work: {
            kind: {name: reduce([run[name] for run in runs]) for name in runs[0]}
            for kind, runs in kinds.items()
        }
        for work, kinds in figures.items()
    }
    print_tables(over(statistics.median), over(lambda values: (min(values), max(values))))
    return figures


def build():
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "dist" / "sse-chat"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join(WORKS), help="of " + ", ".join(WORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--redis", default="redis-server", help="the program: redis-server or valkey-server")
    parser.add_argument("--json", help="a file for all figures of all rounds")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    works = arguments.works.split(",")
    if unknown := [work for work in works if work not in WORKS]:
        parser.error(f"unknown works: {', '.join(unknown)}")
    arguments.binary = os.environ.get("SSE_CHAT_BIN") or build()
    figures = measure(Bench(arguments), works, 1 if arguments.quick else arguments.rounds)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
