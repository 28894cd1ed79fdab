"""Redis for the works: started on a free port without persistence, and stopped."""

import shutil
import socket
import subprocess
import tempfile
import time

# The time limit of a start, in seconds.
PATIENCE = 20
NAMESPACE = "sse-chat"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Redis:
    """A Redis or Valkey server that keeps nothing on disk."""

    def __init__(self, program, core=None):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="sse-chat-redis-")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        command += ["--dir", self.folder]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while self.ask("PING") != "PONG":
            if time.monotonic() > until:
                raise SystemExit(f"{program} does not answer")
            time.sleep(0.05)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def ask(self, *command):
        asked = subprocess.run(
            ["redis-cli", "-p", str(self.port), *command], capture_output=True, text=True, check=False
        )
        return asked.stdout.strip()

    def cpu_seconds(self):
        """The CPU time that it has used, in seconds."""
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def publishes_per_second(self, pipeline, seconds, core=None):
        """Calls of our own function a second by redis-benchmark, `pipeline` at a time."""
        epoch = self.ask("HGET", f"{{{NAMESPACE}}}:state", "epoch")
        listed = self.ask("FUNCTION", "LIST").split()
        function = next(word for word in listed if word.startswith("sse_chat") and word.endswith("_publish"))
        content = '{"name":"Bench","text":"' + "x" * 100 + '"}'
        call = ["FCALL", function, "1", f"{{{NAMESPACE}}}:state", epoch, "abcd", "bench", "m", content, "", ""]
        call += ["1000", str(4 << 20), "100000", str(256 << 20)]
        command = ["redis-benchmark", "-p", str(self.port), "-c", "1", "-P", str(pipeline), "-q", "--csv"]
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        rate = 20_000
        for _ in range(2):
            # The second run is as long as it is to be.
            count = str(int(rate * seconds))
            ran = subprocess.run([*command, "-n", count, *call], capture_output=True, text=True, check=True)
            # The name of the test has commas: the rate is the seventh figure from the end.
            rate = float(ran.stdout.strip().splitlines()[-1].rsplit(",", 7)[1].strip('"'))
        return rate

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
