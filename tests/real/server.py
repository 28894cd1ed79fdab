"""The real binary, run for one test in Python, in clear or over TLS."""

import os
import pathlib
import re
import selectors
import shutil
import ssl
import subprocess
import sys
import tempfile

DEADLINE = 20.0
BINARY = os.environ["SSE_CHAT_BIN"]


class Certificate:
    """One that signs itself, and its key."""

    def __init__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="sse-chat-"))
        self.certificate, self.key = self._folder / "certificate.pem", self._folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", self.key, "-out", self.certificate],
            check=True,
            stderr=subprocess.DEVNULL,
        )

    def trusting(self, *protocols):
        """What a client needs that speaks one of these protocols."""
        context = ssl.create_default_context(cafile=self.certificate)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context

    def remove(self):
        shutil.rmtree(self._folder)


class Server:
    """One that listens on `url`, and in clear on `clear`, which may be the same."""

    def __init__(self, *flags, certificate=None):
        self._log = tempfile.TemporaryFile("a+b")
        secure = []
        if certificate is not None:
            secure = ["--listen", "https://127.0.0.1:0"]
            secure += ["--tls-cert", certificate.certificate, "--tls-key", certificate.key]
        self.process = subprocess.Popen(
            [BINARY, *secure, "--listen", "127.0.0.1:0", "--log-level", "warn", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            urls = self._read_urls()
        except BaseException:
            self.stop()
            raise
        self.url, self.clear = urls[0], urls[-1]

    def _read_urls(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(DEADLINE):
                raise TimeoutError("the server did not say what to open")
        line = self.process.stdout.readline().decode()
        match = re.fullmatch(r"sse-chat \S+: open (.+)\n", line)
        urls = match[1].split(" or ") if match else []
        if not urls or not all(re.fullmatch(r"https?://127\.0\.0\.1:\d+", url) for url in urls):
            raise ValueError(f"not the line that says what to open: {line!r}")
        return urls

    @property
    def address(self):
        host, port = self.url.split("//")[1].split(":")
        return host, int(port)

    def memory(self, figure):
        """A figure of /proc, such as VmRSS or VmHWM, in bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{figure}:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024

    def log(self):
        """The lines that it has logged."""
        self._log.seek(0)
        return self._log.read().decode().splitlines()

    def stop(self):
        self.process.kill()
        self.process.wait(DEADLINE)
        self.process.stdout.close()
        for line in self.log():
            print(line, file=sys.stderr)
        self._log.close()
