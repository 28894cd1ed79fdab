"""A server for the works, started and stopped."""

import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

# The time limit of one start or stop, in seconds.
PATIENCE = 60


class Server:
    """A server with these flags, on a free port."""

    def __init__(self, binary, flags=(), core=None):
        command = [binary, "serve", "--listen", "127.0.0.1:0", *flags]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        # To append, so that reading it moves no place where the server writes.
        self.log = tempfile.TemporaryFile("a+")
        began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        line = self.process.stdout.readline()
        self.start_seconds = time.monotonic() - began
        found = re.search(r"http://\S+", line)
        if not found:
            self.process.kill()
            raise SystemExit(f"{' '.join(command)}: {self.read_log()}")
        self.url = found.group()
        self.metrics_address = None

    @property
    def pid(self):
        return str(self.process.pid)

    def delivering_seconds(self):
        """The CPU time of the threads that write to readers, in seconds."""
        nanoseconds = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("fanout-"):
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def memory(self):
        """The peak of its resident memory, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def metrics(self):
        """The metrics without labels, by name, of a server with --metrics."""
        if self.metrics_address is None:
            self.metrics_address = self.find_metrics()
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        values = [line.split() for line in lines if not line.startswith("#") and "{" not in line]
        return {name: float(value) for name, value in values}

    def find_metrics(self):
        """The address of its metrics, which it logs soon after it has started."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(r'metrics="([^"]+)"', self.read_log())):
            if time.monotonic() > until:
                raise SystemExit(f"no address of metrics in the log: {self.read_log()}")
            time.sleep(0.05)
        return found.group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()
