"""The work `soak`: a store stays as large as it is once history is full."""

import contextlib
import sqlite3
import statistics
import sys
import time

from changes import Load
from server import Server

# Bounds of the server, so small that history is replaced many times over.
HISTORY, ROOM_KIB = 100, 128
ROOMS, MAX_ROOMS, IDLE_SECONDS = 200, 600, 5
# The budget of history, and how long a room is used; with --quick.
BUDGET_MIB, LIFE_SECONDS = 4, 20
QUICK_BUDGET_MIB, QUICK_LIFE_SECONDS = 1, 5
# What may be added once history is full.
GROWTH = 1.2
# A commit moves the write-ahead log into the file when it has 16,384 pages of 4 KiB: 64 MiB, and
# what one commit adds.
MAX_WAL_MIB = 80
MIB = 2**20


def soak(bench, minutes, is_quick):
    """Runs the soak and prints its table. Returns all samples, and whether nothing grew."""
    budget = QUICK_BUDGET_MIB if is_quick else BUDGET_MIB
    life = QUICK_LIFE_SECONDS if is_quick else LIFE_SECONDS
    flags = ["--data", str(bench.store), "--metrics", "127.0.0.1:0", "--sync", bench.sync]
    flags += ["--history", str(HISTORY), "--history-bytes", f"{ROOM_KIB}KiB"]
    flags += ["--history-budget", f"{budget}MiB", "--max-rooms", str(MAX_ROOMS)]
    flags += ["--room-idle", f"{IDLE_SECONDS}s"]
    bench.clear_store()
    with Server(bench.binary, flags) as server:
        with Load(server.url, ROOMS, life) as load:
            samples = watch(bench, server, load, budget, 60 * minutes)
        held = server.metrics()["sse_chat_history_messages"]
    file = contents(bench.store)
    samples_when_full = [sample for sample in samples if sample["is_full"]]
    if len(samples_when_full) < len(samples) / 3:
        raise SystemExit("history was full in less than a third of the time: give more --minutes")
    print_load(load, samples)
    return samples, print_table(samples_when_full, held, file)


def watch(bench, server, load, budget, seconds):
    """Samples once a second."""
    samples = []
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        if load.error:
            raise SystemExit(f"the load ended: {load.error}")
        samples.append(sample(bench, server, load, budget, now - load.began))
        if len(samples) % 30 == 0:
            print(f"soak: {samples[-1]}", file=sys.stderr)
        time.sleep(1)
    return samples


def sample(bench, server, load, budget, seconds):
    metrics = server.metrics()
    published = metrics["sse_chat_message_bytes_total"]
    # History is full once four times its budget was published, so that large and small messages
    # have replaced each other, and as many rooms are forgotten as the server remembers.
    forgotten = load.left_rooms() - IDLE_SECONDS * load.rooms_per_second
    is_full = published > 4 * budget * MIB and forgotten > MAX_ROOMS
    return {
        "seconds": round(seconds, 1),
        "file_mib": size(bench.store / "history.sqlite3"),
        "wal_mib": size(bench.store / "history.sqlite3-wal"),
        "entries": metrics["sse_chat_history_messages"],
        "rooms": metrics["sse_chat_rooms"],
        "memory_mib": metrics["process_resident_memory_bytes"] / MIB,
        "published_mib": published / MIB,
        "is_full": is_full,
    }


def size(path):
    return path.stat().st_size / MIB if path.exists() else 0


def contents(store):
    """Counts in the file of a store whose server has ended."""
    # Nothing is written to it, so no log and no lock is needed.
    uri = f"file:{store / 'history.sqlite3'}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        one = lambda sql: connection.execute(sql).fetchone()[0]
        return {
            "pages": one("PRAGMA page_count"),
            "free": one("PRAGMA freelist_count"),
            "entries": one("SELECT count(*) FROM entries"),
            "rooms": one("SELECT count(*) FROM rooms"),
        }


def print_load(load, samples):
    counts, published = load.counts, samples[-1]["published_mib"]
    print(
        f"\nsoak: {samples[-1]['seconds']:.0f} s, {counts['POST']:,} messages of {published:,.0f} MiB, "
        f"{counts['PATCH']:,} edits, {counts['PUT']:,} reactions, {counts['DELETE']:,} deletions, "
        f"{load.left_rooms():,} rooms left"
    )


def print_table(full, held, file):
    """Prints the figures since history was full. Returns whether all are within their bounds."""
    third = len(full) // 3
    first, last = full[:third], full[-third:]
    median = lambda samples, figure: statistics.median(sample[figure] for sample in samples)
    largest = lambda samples, figure: max(sample[figure] for sample in samples)
    rows = [
        # A file never shrinks.
        ("data file, MiB", full[0]["file_mib"], full[-1]["file_mib"], GROWTH),
        ("memory, MiB, median of a third", median(first, "memory_mib"), median(last, "memory_mib"), GROWTH),
        ("write-ahead log, MiB, most of a third", largest(first, "wal_mib"), largest(last, "wal_mib"), None),
        ("entries in memory, median of a third", median(first, "entries"), median(last, "entries"), None),
    ]
    print("\n| figure | once full | at the end | ratio | must be |\n| --- | --- | --- | --- | --- |")
    is_flat = True
    for name, before, after, most in rows:
        ratio = after / before if before else 0
        is_flat &= most is None or ratio <= most
        print(f"| {name} | {before:,.2f} | {after:,.2f} | {ratio:.2f} | {f'≤ {most}' if most else ''} |")
    wal = largest(full, "wal_mib")
    print(f"| write-ahead log, MiB | | {wal:,.2f} at most | | ≤ {MAX_WAL_MIB} |")
    # After the end all that is evicted is deleted but for one slice of 4,096 rows.
    rows, most = file["entries"], held + 4096
    print(f"| entries in the file after the end | | {rows:,} | | ≤ {most:,.0f} |")
    rooms, most_rooms = file["rooms"], 2 * MAX_ROOMS
    print(f"| rooms in the file after the end | | {rooms:,} | | ≤ {most_rooms:,} |")
    print(f"\nThe file has {file['pages']:,} pages, {file['free']:,} of them free.")
    is_flat &= wal <= MAX_WAL_MIB and rows <= most and rooms <= most_rooms
    print("The store stays as large as it is." if is_flat else "The store GROWS.")
    return is_flat
