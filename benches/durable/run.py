#!/usr/bin/env python3
"""What --data costs: the same work in memory and with a store, in turn in one run.

    python3 benches/durable/run.py                 all works, 5 rounds
    python3 benches/durable/run.py --works publish,readers --rounds 3
    python3 benches/durable/run.py --quick         a smoke test of a few seconds each
    python3 benches/durable/run.py --works soak    whether a store stays as large as it is

It needs only Python, Linux and a build: SSE_CHAT_BIN names it, otherwise it is built with
the profile `dist`, as packages are. The folder of the store is below --folder (by default
the present one's target/durable): its disk is what is measured. README.md says how to read
the figures. Run nothing else on the machine meanwhile.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from server import Server
from soak import soak

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("memory", "data")
# The time limit of one measurement, in seconds.
LIMIT = 600
# What an fdatasync of the comparison makes durable: a page, as a small commit does.
PAGE = b"\x5a" * 4096


class Bench:
    """What all works need: the binary, the folder, the lengths."""

    def __init__(self, arguments):
        self.binary = str(Path(arguments.binary).resolve())
        self.folder = Path(arguments.folder).resolve()
        self.sync = arguments.sync
        self.seconds = 1 if arguments.quick else arguments.seconds
        self.publish_rooms = arguments.rooms
        self.readers = 200 if arguments.quick else 9000
        self.entries = 20_000 if arguments.quick else 1_000_000
        self.rooms = 20 if arguments.quick else 1000
        self.store = self.folder / "store"

    def server(self, kind, flags=(), core=None, keep=False):
        """A server in memory, or with a store that is empty unless it is to be kept."""
        if not keep:
            self.clear_store()
        data = ["--data", str(self.store), "--sync", self.sync] if kind == "data" else []
        return Server(self.binary, [*flags, *data], core)

    def clear_store(self):
        shutil.rmtree(self.store, ignore_errors=True)

    def load(self, server, *flags, core=None):
        """Starts `sse-chat bench` against a server."""
        command = [self.binary, "bench", "--url", server.url, "--pid", server.pid, "--json", "-", *flags]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, server, *flags, core=None):
        return report(self.load(server, *flags, core=core))

    def fdatasync_us(self, count=200):
        """The median time of one fdatasync after a page was appended, in µs."""
        path = self.folder / "fdatasync"
        times = []
        with open(path, "wb", buffering=0) as file:
            for _ in range(count):
                file.write(PAGE)
                began = time.monotonic()
                os.fdatasync(file.fileno())
                times.append((time.monotonic() - began) * 1e6)
        path.unlink()
        return statistics.median(times)


def report(load):
    """The only run in the report of a load."""
    out, errors = load.communicate(timeout=LIMIT)
    if load.returncode != 0:
        raise SystemExit(f"sse-chat bench: {errors.strip()}")
    run = json.loads(out)["runs"][0]
    publish = run["publish"]
    if publish and (publish["refused"] or publish["unanswered"]):
        raise SystemExit(f"{publish['refused']} messages refused, {publish['unanswered']} unanswered")
    return run


def publish(bench, kind, publishers):
    """Publishers with one request at a time each, without readers."""
    with bench.server(kind) as server:
        run = bench.run(
            server,
            *("--mode", "publish", "--publishers", str(publishers)),
            *("--rooms", str(bench.publish_rooms), "--duration", f"{bench.seconds}s"),
        )
    return {
        "fdatasync_us": bench.fdatasync_us(),
        "p50_us": run["publish"]["answer"]["p50_us"],
        "p99_us": run["publish"]["answer"]["p99_us"],
        "per_second": run["publish"]["per_second"],
        "cpu_us": run["server"]["cpu_us_per_publish"],
    }


def readers(bench, kind):
    """10 messages/s to all readers of one room, while 5,000/s are published elsewhere."""
    cores = sorted(os.sched_getaffinity(0))
    ours, loads = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    flags = ["--max-connections", "20000", "--max-streams", "20000"]
    elsewhere = ["--mode", "publish", "--rate", "5000", "--publishers", "32", "--warmup", "1s"]
    elsewhere += ["--publish-path", "/rooms/elsewhere-{room}/messages", "--rooms", "50"]
    with bench.server(kind, flags, core=ours) as server:
        # They go on while the readers connect, and longer than these are measured.
        load = bench.load(server, *elsewhere, "--duration", f"{3 * bench.seconds + 30}s", core=loads)
        try:
            readers = bench.load(
                server,
                *("--subscribers", str(bench.readers), "--rate", "10", "--publishers", "1"),
                *("--duration", f"{2 * bench.seconds}s", "--warmup", "2s"),
                core=loads,
            )
            # In the middle of the measured time: readers connect before it.
            shares = []
            while readers.poll() is None:
                shares.append((time.monotonic(), server.delivering_seconds()))
                time.sleep(0.5)
            run = report(readers)
        finally:
            load.send_signal(signal.SIGINT)
            beside = json.loads(load.communicate(timeout=LIMIT)[0])["runs"][0]
    delivery = run["delivery"]
    # The last samples before the end.
    last = shares[-2 * bench.seconds : -2]
    (began, first), (ended, then) = last[0], last[-1]
    share = (then - first) / (ended - began)
    return {
        "elsewhere_per_second": beside["publish"]["per_second"],
        "cpu_us": share * 1e6 / delivery["per_second"],
        "p50_us": delivery["each"]["p50_us"],
        "p99_us": delivery["each"]["p99_us"],
        "lost": delivery["lost"] + delivery["announced_lost"],
    }


def fill(bench):
    """A store with all entries, larger than the memory of a start may be."""
    shutil.rmtree(bench.store, ignore_errors=True)
    per_room = bench.entries // bench.rooms
    flags = ["--history", str(2 * per_room), "--history-bytes", "64MiB", "--history-budget", "4GiB"]
    flags += ["--data", str(bench.store), "--sync", "off"]
    command = ["--mode", "publish", "--publishers", "256", "--rooms", str(bench.rooms)]
    command += ["--messages", str(bench.entries), "--warmup", "0s"]
    with Server(bench.binary, flags) as server:
        bench.run(server, *command)
    pristine = bench.folder / "pristine"
    shutil.rmtree(pristine, ignore_errors=True)
    bench.store.rename(pristine)
    return pristine


def start(bench, kind):
    """The time from the start of the process until it listens."""
    pristine = bench.folder / "pristine"
    if kind == "data" and not pristine.exists():
        fill(bench)
    shutil.rmtree(bench.store, ignore_errors=True)
    if kind == "data":
        shutil.copytree(pristine, bench.store)
    size = sum(file.stat().st_size for file in bench.store.glob("*")) if kind == "data" else 0
    flags = ["--history", "100000", "--history-bytes", "64MiB", "--history-budget", "256MiB"]
    with bench.server(kind, flags, keep=True) as server:
        return {
            "seconds": server.start_seconds,
            "memory_mib": server.memory(),
            "store_mib": size / 2**20,
        }


WORKS = {
    "publish": lambda bench, kind: publish(bench, kind, 1),
    "publish-256": lambda bench, kind: publish(bench, kind, 256),
    "readers": readers,
    "start": start,
}


def goals(medians):
    """The goals as (what, measured, goal, is reached), of the works that ran."""
    rows = []

    def at_most(what, measured, goal, unit):
        rows.append((what, f"{measured:,.2f} {unit}", f"≤ {goal:,.2f} {unit}", measured <= goal))

    if one := medians.get("publish"):
        memory, data = one["memory"], one["data"]
        sync = data["fdatasync_us"]
        at_most("one publisher: answer p50", data["p50_us"], sync + 1.5 * memory["p50_us"], "µs")
    if many := medians.get("publish-256"):
        memory, data = many["memory"], many["data"]
        goal = min(0.4 * memory["per_second"], 128 * 1e6 / data["fdatasync_us"])
        rate = data["per_second"]
        rows.append(
            ("256 publishers: publishes/s", f"{rate:,.0f}", f"≥ {goal:,.0f}", rate >= goal)
        )
        at_most("CPU per publish", data["cpu_us"] / memory["cpu_us"], 2, "× memory")
    if read := medians.get("readers"):
        at_most("CPU per delivery", read["data"]["cpu_us"] / read["memory"]["cpu_us"], 1.05, "× memory")
    if began := medians.get("start"):
        at_most("start", began["data"]["seconds"], 5, "s")
    return rows


def print_tables(medians, spreads):
    for work, kinds in medians.items():
        print(f"\n{work}\n\n| figure | memory | data | ratio |\n| --- | --- | --- | --- |")
        for figure in kinds["data"]:
            cells = []
            for kind in KINDS:
                low, high = spreads[work][kind][figure]
                cells.append(f"{kinds[kind][figure]:,.2f} ({low:,.2f} to {high:,.2f})")
            memory, data = (kinds[kind][figure] for kind in KINDS)
            ratio = f"{data / memory:.2f}" if memory else ""
            print(f"| {figure} | {cells[0]} | {cells[1]} | {ratio} |")
    print("\n| goal | measured | must be | reached |\n| --- | --- | --- | --- |")
    for what, measured, goal, is_reached in goals(medians):
        print(f"| {what} | {measured} | {goal} | {'yes' if is_reached else 'no'} |")


def measure(bench, works, rounds):
    """Runs the works in turn and prints their tables. Returns all figures of all rounds."""
    shutil.rmtree(bench.folder / "pristine", ignore_errors=True)
    figures = {work: {kind: [] for kind in KINDS} for work in works}
    for number in range(rounds):
        for work in works:
            # In a changing order, so that what drifts meets both.
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                print(f"round {number + 1}: {work}, {kind}", file=sys.stderr)
                figures[work][kind].append(WORKS[work](bench, kind))
    bench.clear_store()
    shutil.rmtree(bench.folder / "pristine", ignore_errors=True)
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
    parser.add_argument("--works", default=",".join(WORKS), help="of " + ", ".join([*WORKS, "soak"]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--sync", default="full", help="the mode of the store: full, batch=TIME, off")
    parser.add_argument("--rooms", type=int, default=1, help="of the works publish and publish-256")
    parser.add_argument("--minutes", type=float, default=10, help="of the work soak; 1 with --quick")
    parser.add_argument("--folder", default="target/durable", help="on the disk that is measured")
    parser.add_argument("--json", help="a file for all figures of all rounds")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    works = arguments.works.split(",")
    soaks = "soak" in works
    works = [work for work in works if work != "soak"]
    if unknown := [work for work in works if work not in WORKS]:
        parser.error(f"unknown works: {', '.join(unknown)}")
    arguments.binary = os.environ.get("SSE_CHAT_BIN") or build()
    bench = Bench(arguments)
    bench.folder.mkdir(parents=True, exist_ok=True)
    figures = measure(bench, works, 1 if arguments.quick else arguments.rounds) if works else {}
    is_flat = True
    if soaks:
        minutes = 1 if arguments.quick else arguments.minutes
        figures["soak"], is_flat = soak(bench, minutes, arguments.quick)
        bench.clear_store()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(0 if is_flat else 1)


if __name__ == "__main__":
    main()
