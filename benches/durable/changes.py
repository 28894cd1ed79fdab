"""A load of messages of changing sizes, edits, reactions and deletions, in rooms that come and go."""

import collections
import http.client
import json
import random
import string
import threading
import time
from urllib.parse import urlsplit

from server import PATIENCE

THREADS = 8
# Messages of its own that a thread changes.
OWN = 50
EDIT_KEY = "0123456789abcdef"
REACTION = "%F0%9F%91%8D?name=soak"
# How long messages are large, then small; and how long some are deleted, then none is. Without
# deletions the write-ahead log of the store is not truncated.
PHASE_SECONDS = 5
LARGE, SMALL = 4000, 400


class Load:
    """Threads with one request at a time each, until they are stopped.

    Of all names `rooms` are in use at one time, each for `life` seconds; most messages are in a
    few of them.
    """

    def __init__(self, url, rooms, life):
        self.address = urlsplit(url).netloc
        self.rooms = rooms
        self.rooms_per_second = rooms / life
        self.text = "".join(random.Random(1).choices(string.ascii_letters + " ", k=10 * LARGE))
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.error = None
        self.stopping = threading.Event()
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(THREADS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def left_rooms(self):
        """The number of rooms that are not used any more."""
        return int((time.monotonic() - self.began) * self.rooms_per_second)

    def phase(self, every):
        """Whether it is the first of two phases, each of `every` seconds."""
        return int((time.monotonic() - self.began) / every) % 2 == 0

    def run(self, seed):
        try:
            Writer(self, random.Random(seed)).write()
        except Exception as error:
            self.error = error


class Writer:
    """A thread of the load with its connection."""

    def __init__(self, load, draws):
        self.load = load
        self.draws = draws
        self.connection = http.client.HTTPConnection(load.address, timeout=PATIENCE)
        self.own = collections.deque(maxlen=OWN)

    def write(self):
        while not self.load.stopping.is_set():
            draw = self.draws.random()
            if draw < 0.5 or not self.own:
                self.publish()
            elif draw < 0.7:
                self.change("PATCH", "", 200, {"message": self.message()})
            elif draw < 0.9:
                self.change("PUT", f"/reactions/{REACTION}", 204)
            elif self.load.phase(2 * PHASE_SECONDS):
                self.change("DELETE", "", 204)

    def message(self):
        text = self.load.text
        longest = LARGE if self.load.phase(PHASE_SECONDS) else SMALL
        length = 1 + int(longest * self.draws.random() ** 2)
        start = self.draws.randrange(len(text) - LARGE)
        # No white space at an end, which would be cut off.
        return "." + text[start : start + length - 1] + "."

    def publish(self):
        number = self.load.left_rooms() + int(self.load.rooms * self.draws.random() ** 2)
        body = {"name": "soak", "message": self.message(), "edit_key": EDIT_KEY}
        path = f"/rooms/soak-{number}/messages"
        _, answer = self.request("POST", path, (201,), body)
        self.own.append(f"{path}/{json.loads(answer)['id']}")

    def change(self, method, path, status, body=None):
        """Changes one of the last messages, which may be evicted or deleted."""
        message = self.own[self.draws.randrange(len(self.own))]
        found, _ = self.request(method, message + path, (status, 404), body)
        if found != 404:
            with self.load.lock:
                self.load.counts[method] += 1

    def request(self, method, path, accepted, body=None):
        headers = {"Edit-Key": EDIT_KEY, "Content-Type": "application/json"}
        self.connection.request(method, path, body and json.dumps(body), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status not in accepted:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        if method == "POST":
            with self.load.lock:
                self.load.counts[method] += 1
        return answer.status, content
