"""What a hostile client can do over TLS and HTTP/2, frame by frame. Meanwhile honest
readers get every message, senders are answered, and the server's memory stays bounded.
A thousand more readers, of many_readers.py, measure how late messages come.

The numbers are cases of tests/cases.md."""

import contextlib
import pathlib
import re
import resource
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import hpack
import httpx
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from many_readers import ManyReaders
from server import DEADLINE, Certificate, Server

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REFUSED_STREAM = 0x7
CANCEL = 0x8
ENHANCE_YOUR_CALM = 0xB
# A server that no longer reads has done what it can.
BLOCKED = 3.0
# How much memory the server may have at most, and how much more than before each attack.
MEMORY_MOST = 320 << 20
MEMORY_MORE = 64 << 20
# The streams that a connection may have.
STREAMS = 100
READERS_OF_EACH_KIND = 10
LINES_MOST = 10
HALF_HANDSHAKES = 10_000
FILES_OF_OTHERS = 2000


class Attacker:
    """One HTTP/2 connection that sends any frame."""

    def __init__(self, server, certificate, settings=None):
        self.authority = "{}:{}".format(*server.address)
        below = socket.create_connection(server.address, DEADLINE)
        self.socket = certificate.trusting("h2").wrap_socket(below, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.stream = -1
        self.received = b""
        # Error codes of streams by their number, statuses, and the code of GOAWAY.
        self.resets, self.statuses, self.goaway = {}, {}, None
        self.is_closed = False
        self.send(PREFACE + SettingsFrame(settings=settings or {}).serialize())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Whether the server took it; not if it has closed, or does not read."""
        self.socket.settimeout(BLOCKED)
        try:
            self.socket.sendall(data)
            return True
        except (OSError, ssl.SSLError):
            return False

    def send_all(self, parts):
        """Sends until the server does not take any more."""
        return all(self.send(part) for part in parts)

    def next_stream(self):
        self.stream += 2
        return self.stream

    def fields(self, path, method="GET", *more):
        named = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        return self.encoder.encode([*named, *more])

    def request(self, path, method="GET", *more, flags=("END_HEADERS", "END_STREAM")):
        """The bytes of a request, on the next stream."""
        fields = self.fields(path, method, *more)
        return HeadersFrame(self.next_stream(), data=fields, flags=flags).serialize()

    def read_until(self, is_enough, limit=DEADLINE):
        """Reads frames until that is true or the connection is closed; fails when it takes too long."""
        deadline = time.monotonic() + limit
        while not self.is_closed and not is_enough():
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError as late:
                raise AssertionError(f"nothing more came: {self}") from late
            except (OSError, ssl.SSLError):
                data = b""
            self.is_closed = not data
            self._take(data)

    def read_to_end(self):
        """Reads until the server closes the connection."""
        self.read_until(lambda: False)

    def _take(self, data):
        self.received += data
        while len(self.received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self.received[:9]))
            if len(self.received) < 9 + length:
                return
            body, self.received = self.received[9 : 9 + length], self.received[9 + length :]
            frame.parse_body(memoryview(body))
            if isinstance(frame, GoAwayFrame):
                # The first may be a warning, with no error.
                self.goaway = frame.error_code
            elif isinstance(frame, RstStreamFrame):
                self.resets[frame.stream_id] = frame.error_code
            elif isinstance(frame, HeadersFrame):
                fields = dict(self.decoder.decode(frame.data))
                self.statuses[frame.stream_id] = fields.get(":status")

    def __str__(self):
        return f"GOAWAY {self.goaway}, {len(self.resets)} resets, statuses {set(self.statuses.values())}"


class Honest:
    """Readers over each transport, and a sender over HTTP/2."""

    def __init__(self, server, certificate):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sse-chat-"))
        self.said = 0
        self.error = None
        self.is_over = threading.Event()
        self.client = httpx.Client(
            base_url=server.url, http2=True, verify=certificate.trusting(), timeout=DEADLINE
        )
        self.readers = []
        kinds = [(server.url, "--http2"), (server.url, "--http1.1"), (server.clear, "--http2-prior-knowledge")]
        for number, (url, version) in enumerate(kinds * READERS_OF_EACH_KIND):
            file = self.folder / str(number)
            command = ["curl", "--silent", "--no-buffer", version, "--cacert", certificate.certificate]
            command += ["--output", file, f"{url}/rooms/honest/events"]
            self.readers.append((file, subprocess.Popen(command)))
        self.until("hello", lambda text: "event: hello" in text)
        self.sender = threading.Thread(target=self._send)
        self.sender.start()

    def say(self):
        answer = self.client.post("/rooms/honest/messages", json={"name": "Alice", "message": "hello"})
        if answer.status_code != 201:
            raise AssertionError(f"{answer.status_code}: {answer.text}")
        self.said += 1

    def _send(self):
        try:
            while not self.is_over.wait(0.02):
                self.say()
        except BaseException as error:
            self.error = error

    def until(self, what, condition):
        """Waits until it is true of what each reader got."""
        deadline = time.monotonic() + DEADLINE
        for file, process in self.readers:
            while not (file.exists() and condition(file.read_text())):
                if process.poll() is not None:
                    raise AssertionError(f"a reader ended: curl {process.returncode}, {process.args}")
                if time.monotonic() > deadline:
                    raise AssertionError(f"not in time: {what}, {process.args}")
                time.sleep(0.02)

    def check(self):
        """All that was said until now reached each reader, once and in order."""
        if self.error:
            raise self.error
        expected = [str(number) for number in range(1, self.said + 1)]
        numbers = re.compile(r'"number":(\d+)')
        self.until("all messages", lambda text: numbers.findall(text)[: len(expected)] == expected)
        for file, process in self.readers:
            text = file.read_text()
            assert text.count("event: hello") == 1 and "event: gap" not in text, process.args
            assert process.poll() is None, process.args

    def stop(self):
        self.is_over.set()
        self.sender.join(DEADLINE)
        for _, process in self.readers:
            process.kill()
            process.wait(DEADLINE)
        self.client.close()
        shutil.rmtree(self.folder)


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        cls.files = most
        cls.certificate = Certificate()
        cls.addClassCleanup(cls.certificate.remove)
        cls.server = Server(
            *("--tls-handshake-timeout", "3s", "--stall", "2s", "--ping", "1s", "--history", "100000"),
            *("--http2-max-streams", str(STREAMS)),
            certificate=cls.certificate,
        )
        cls.addClassCleanup(cls.server.stop)
        # From now on, since the server waits for long before it asks.
        cls.silent = Attacker(cls.server, cls.certificate)
        cls.addClassCleanup(cls.silent.socket.close)
        cls.silent.send(cls.silent.request("/rooms/silent/events"))
        cls.honest = Honest(cls.server, cls.certificate)
        cls.addClassCleanup(cls.honest.stop)
        cls.many = ManyReaders(cls.server, cls.certificate)
        cls.addClassCleanup(cls.many.stop)

    @classmethod
    def tearDownClass(cls):
        cls.many.check()

    def setUp(self):
        self.memory = self.server.memory("VmRSS")

    def settled(self, bound):
        """The memory, once it is below the bound: the allocator returns it after a second."""
        deadline = time.monotonic() + DEADLINE
        while True:
            now = self.server.memory("VmRSS")
            if now < bound or time.monotonic() > deadline:
                return now
            self.honest.check()

    def tearDown(self):
        """After each attack, also a new client is served."""
        with Attacker(self.server, self.certificate) as client:
            client.send(client.request("/healthz"))
            client.read_until(lambda: client.statuses)
            self.assertEqual(client.statuses, {1: "200"})
        self.honest.check()
        now = self.settled(self.memory + MEMORY_MORE)
        most = self.server.memory("VmHWM")
        print(f"{self.id()}: {now >> 20} MiB, {(now - self.memory) / (1 << 20):+.1f}; at most {most >> 20}")
        self.assertLess(now, self.memory + MEMORY_MORE)
        self.assertLess(most, MEMORY_MOST)
        # A line for each attack would fill the disk.
        self.assertLess(len(self.server.log()), LINES_MOST)

    def attacker(self, **options):
        attacker = Attacker(self.server, self.certificate, **options)
        self.addCleanup(attacker.socket.close)
        return attacker

    def assert_calmed(self, attacker):
        """The server ended the connection because of too much of something."""
        attacker.read_to_end()
        self.assertIn(attacker.goaway, (ENHANCE_YOUR_CALM, None), str(attacker))

    # 64
    def test_more_streams_than_allowed_are_refused_and_the_connection_lives(self):
        attacker = self.attacker()
        attacker.send(b"".join(attacker.request("/rooms/lobby/events") for _ in range(STREAMS + 100)))
        attacker.read_until(lambda: len(attacker.resets) + len(attacker.statuses) == STREAMS + 100)
        self.assertFalse(attacker.is_closed, str(attacker))
        self.assertEqual(set(attacker.resets.values()), {REFUSED_STREAM})
        self.assertEqual(len(attacker.statuses), STREAMS)

    # 64: a client that does not learn is sent away.
    def test_thousands_of_streams_at_once(self):
        attacker = self.attacker()
        attacker.send_all(
            b"".join(attacker.request("/rooms/lobby/events") for _ in range(100)) for _ in range(100)
        )
        self.assert_calmed(attacker)

    # 65
    def test_rapid_reset(self):
        def batch(attacker):
            for _ in range(100):
                yield attacker.request("/rooms/lobby/events")
                yield RstStreamFrame(attacker.stream, error_code=CANCEL).serialize()

        for _ in range(LINES_MOST):
            attacker = self.attacker()
            attacker.send_all(b"".join(batch(attacker)) for _ in range(200))
            self.assert_calmed(attacker)

    # 65: the client makes the server reset.
    def test_made_you_reset(self):
        attacker = self.attacker()

        def batch():
            for _ in range(100):
                yield attacker.request("/rooms/lobby/messages", "POST", flags=("END_HEADERS",))
                # Over the largest window: an error of the stream.
                yield WindowUpdateFrame(attacker.stream, window_increment=2**31 - 1).serialize()

        attacker.send_all(b"".join(batch()) for _ in range(200))
        self.assert_calmed(attacker)

    # 66
    def test_headers_without_an_end(self):
        attacker = self.attacker()
        first = attacker.request("/", flags=("END_STREAM",))
        part = ContinuationFrame(attacker.stream, data=hpack.Encoder().encode([("x-long", "x" * 8000)]))
        attacker.send_all([first, *[part.serialize()] * 5000])
        attacker.read_to_end()

    # 66
    def test_a_small_head_that_grows_when_it_is_decoded(self):
        attacker = self.attacker()
        large = ("x-large", "x" * 4000)
        # Written once, then named a thousand times by a byte each.
        attacker.send(attacker.request("/healthz", "GET", *[large] * 1000))
        attacker.read_until(lambda: attacker.resets or attacker.statuses)
        self.assertNotIn("200", attacker.statuses.values())

    # 67
    def test_data_of_nothing_and_of_a_byte(self):
        for data in (b"", b"x"):
            with self.subTest(data=data):
                attacker = self.attacker()
                attacker.send(
                    attacker.request(
                        "/rooms/lobby/messages", "POST", ("content-type", "text/plain"), flags=("END_HEADERS",)
                    )
                )
                frame = DataFrame(attacker.stream, data=data).serialize()
                attacker.send_all([frame * 1000] * 200)
                # The stream ends, or the connection.
                attacker.read_until(lambda: attacker.resets or attacker.statuses)

    # 68
    def test_pings_and_settings_without_reading_an_answer(self):
        ping = PingFrame(opaque_data=b"12345678").serialize()
        settings = [SettingsFrame(settings={SettingsFrame.HEADER_TABLE_SIZE: size}) for size in (0, 4096)]
        both = b"".join(frame.serialize() for frame in settings)
        for name, frames in (("PING", ping), ("SETTINGS", both)):
            with self.subTest(name):
                attacker = self.attacker()
                attacker.send_all([frames * 1000] * 200)

    # 69
    def test_streams_with_a_window_of_nothing_are_reset(self):
        attacker = self.attacker(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
        attacker.send(b"".join(attacker.request("/rooms/honest/events") for _ in range(50)))
        attacker.read_until(lambda: len(attacker.resets) == 50)
        self.assertEqual(len(attacker.statuses), 50, str(attacker))

    # 69: nor does this one read what is sent.
    def test_members_that_never_read_leave(self):
        attackers = [self.attacker(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}) for _ in range(5)]
        for number, attacker in enumerate(attackers):
            path = f"/events?room=honest&room=silent&name=mallory-{number}"
            attacker.send(b"".join(attacker.request(path) for _ in range(20)))
        members = f"{self.server.clear}/rooms/silent/members"
        deadline = time.monotonic() + 2 * DEADLINE
        seen = 0
        while (count := httpx.get(members, timeout=DEADLINE).json()["count"]) or not seen:
            seen = max(seen, count)
            self.assertLess(time.monotonic(), deadline, f"{count} of {seen} are there")
        self.assertEqual(seen, 5)

    # 70
    def test_unanswered_pings(self):
        self.silent.read_until(lambda: False, 3 * DEADLINE)
        self.assertEqual(self.silent.statuses, {1: "200"})

    # 71
    def test_a_body_of_another_length_than_announced(self):
        for announced in ("1", "100"):
            with self.subTest(announced):
                attacker = self.attacker()
                fields = [("content-type", "text/plain"), ("content-length", announced)]
                attacker.send(attacker.request("/rooms/lobby/messages", "POST", *fields, flags=("END_HEADERS",)))
                frame = DataFrame(attacker.stream, data=b"some text", flags=("END_STREAM",))
                attacker.send(frame.serialize())
                attacker.read_until(lambda: attacker.resets or attacker.statuses or attacker.goaway)
                self.assertNotIn("201", attacker.statuses.values())

    # 71
    def test_more_data_than_the_window_allows(self):
        attacker = self.attacker()
        attacker.send(
            attacker.request(
                "/rooms/lobby/messages", "POST", ("content-type", "text/plain"), flags=("END_HEADERS",)
            )
        )
        attacker.send_all([DataFrame(attacker.stream, data=b"x" * 16_384).serialize()] * 100)
        attacker.read_until(lambda: attacker.resets or attacker.goaway)
        self.assertNotIn("201", attacker.statuses.values())

    def test_half_handshakes(self):
        count = min(HALF_HANDSHAKES, self.files - FILES_OF_OTHERS)
        hello = half_hello()
        with contextlib.ExitStack() as stack:
            half = [stack.enter_context(socket.create_connection(self.server.address, DEADLINE)) for _ in range(count)]
            for each in half:
                # The server may have closed it already.
                with contextlib.suppress(OSError):
                    each.send(hello)
            self.honest.check()
            poll = select.poll()
            for each in half:
                poll.register(each, select.POLLIN)
            left = {each.fileno(): each for each in half}
            deadline = time.monotonic() + 2 * DEADLINE
            while left:
                self.assertLess(time.monotonic(), deadline, f"{len(left)} of {count} are open")
                for number, _ in poll.poll(1000):
                    with contextlib.suppress(OSError):
                        if left[number].recv(100):
                            continue
                    poll.unregister(number)
                    del left[number]
        print(f"{count} half handshakes were ended")


def half_hello():
    """The first bytes of a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()[:100]


if __name__ == "__main__":
    unittest.main(verbosity=2)
