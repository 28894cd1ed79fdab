"""A thousand readers of a server, by `sse-chat bench`: each has to get every message, and
under attack not much later than without.

Both figures are measured on the same machine within a minute, so only their ratio is
looked at. An attacker here also takes a processor from the server and from the readers."""

import json
import signal
import subprocess
import time

import httpx

from server import BINARY, DEADLINE

# Readers on connections of their own over HTTP/1.1, and ten streams on each over HTTP/2.
KINDS = {"http1": [], "http2": ["--http2", "--streams-per-connection", "10"]}
READERS_OF_EACH_KIND = 500
RATE = 10
QUIET_SECONDS = 3
# How many times later 99 of 100 deliveries, and half of them, may come under attack.
P99_RATIO = 25
P50_RATIO = 10


class ManyReaders:
    """They read until `check`."""

    def __init__(self, server, certificate):
        self.server, self.certificate = server, certificate
        quiet = self._start("quiet", f"{QUIET_SECONDS}s")
        self.quiet = {kind: self._report(process) for kind, process in quiet.items()}
        self.running = self._start("attacked", "1h")
        for kind in KINDS:
            self._until_read(f"{server.clear}/rooms/attacked-{kind}-bench-0/messages")

    def _start(self, room, duration):
        return {kind: self._bench(f"{room}-{kind}", duration, flags) for kind, flags in KINDS.items()}

    def _bench(self, room, duration, flags):
        command = [BINARY, "bench", "--url", self.server.url, "--ca", self.certificate.certificate, *flags]
        command += ["--subscribers", str(READERS_OF_EACH_KIND), "--rate", str(RATE), "--publishers", "1"]
        command += ["--duration", duration, "--warmup", "1s", "--drain", "10s", "--json", "-"]
        command += ["--subscribe-path", f"/rooms/{room}-{{room}}/events"]
        command += ["--publish-path", f"/rooms/{room}-{{room}}/messages"]
        for bad in ("lost", "disconnected", "failed", "refused", "unanswered"):
            command += ["--fail-if", f"{bad}>0"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _until_read(self, url):
        """The load begins when all readers are there."""
        deadline = time.monotonic() + DEADLINE
        while not httpx.get(url, timeout=DEADLINE).json()["messages"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no message: {url}")
            time.sleep(0.05)

    @staticmethod
    def _report(process, expected=0):
        out, _ = process.communicate(timeout=2 * DEADLINE)
        assert process.returncode == expected, f"bench ended with {process.returncode}: {out}"
        return json.loads(out)["runs"][0]

    def check(self):
        """Ends the load; fails if a reader lost a message, was cut or was slow."""
        for process in self.running.values():
            process.send_signal(signal.SIGINT)
        for kind, process in self.running.items():
            # An interrupted load has another status than --fail-if.
            attacked = self._report(process, expected=128 + signal.SIGINT)
            self._compare(kind, self.quiet[kind]["delivery"], attacked["delivery"])

    @staticmethod
    def _compare(kind, quiet, attacked):
        for bad in ("lost", "doubled", "out_of_order", "disconnected", "incomplete"):
            assert attacked[bad] == 0, f"{kind}: {bad}: {attacked[bad]}"
        for figure, most in (("p50_us", P50_RATIO), ("p99_us", P99_RATIO)):
            before, now = quiet["each"][figure], attacked["each"][figure]
            print(f"{kind}: {attacked['received']} deliveries, {figure} {before:.0f}, under attack {now:.0f}")
            assert now < most * before, f"{kind}: {figure} is {now / before:.1f} times as long under attack"

    def stop(self):
        for process in self.running.values():
            process.kill()
            process.communicate(timeout=DEADLINE)
