"""What a client sends after its request, over TLS: data, and bytes that are no TLS at
all. rustls answers the second by an alert, as OpenSSL sees it."""

import contextlib
import socket
import ssl
import unittest

import httpx

from server import DEADLINE, Certificate, Server

STREAM = b"GET /rooms/lobby/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
# After these many bytes a client of a stream is disconnected.
MOST_JUNK = 64 << 10
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


class Client:
    """A session whose ciphertext passes through the test."""

    def __init__(self, server, certificate, protocol="http/1.1"):
        self.socket = socket.create_connection(server.address, DEADLINE)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = certificate.trusting(protocol)
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self._until(self.session.do_handshake)

    def _until(self, step):
        """Does it when enough has come."""
        while True:
            try:
                result = step()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.socket.recv(65536)
                if not data:
                    self.incoming.write_eof()
                self.incoming.write(data)

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def send(self, data):
        self.session.write(data)
        self.flush()

    def ciphertext(self, data):
        self.session.write(data)
        return self.outgoing.read()

    def read_until(self, text):
        seen = b""
        while text not in seen:
            seen += self._until(lambda: self.session.read(65536))
        return seen

    def end(self):
        """How the server ends the session: `closed`, or its alert."""
        try:
            while self._until(lambda: self.session.read(65536)):
                pass
        except ssl.SSLZeroReturnError:
            return "closed"
        except ssl.SSLError as error:
            return error.reason
        return "closed"


class Garbage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificate = Certificate()
        cls.addClassCleanup(cls.certificate.remove)
        cls.server = Server(certificate=cls.certificate)
        cls.addClassCleanup(cls.server.stop)

    def tearDown(self):
        """Other clients are served."""
        answer = httpx.get(f"{self.server.url}/healthz", verify=self.certificate.trusting())
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.server.log(), [])

    def client(self, *protocol):
        client = Client(self.server, self.certificate, *protocol)
        self.addCleanup(client.socket.close)
        return client

    def reader(self):
        client = self.client()
        client.send(STREAM)
        client.read_until(b"event: hello")
        return client

    def say(self, text):
        url = f"{self.server.clear}/rooms/lobby/messages"
        answer = httpx.post(url, json={"name": "Alice", "message": text})
        self.assertEqual(answer.status_code, 201)

    # 60
    def test_data_after_the_request_is_ignored(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff" * 1000, b"\n"):
            reader = self.reader()
            reader.send(data)
            self.say("still here")
            self.assertIn(b"still here", reader.read_until(b"still here"))

    # 60
    def test_much_data_after_the_request_ends_the_stream(self):
        reader = self.reader()
        # The server may have closed it before all is sent.
        with contextlib.suppress(OSError):
            for _ in range(2 * MOST_JUNK // 1024):
                reader.send(b"x" * 1024)
            self.assertEqual(reader.end(), "closed")

    # 62
    def test_bytes_that_are_no_record(self):
        for begin in (lambda: self.reader(), lambda: self.client(), lambda: self.client("h2")):
            client = begin()
            client.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(client.end(), "TLSV1_ALERT_DECODE_ERROR")

    # 62
    def test_a_record_that_was_changed_on_its_way(self):
        for begin in (lambda: self.reader(), lambda: self.client()):
            client = begin()
            record = bytearray(client.ciphertext(b"hello"))
            record[-1] ^= 1
            client.socket.sendall(record)
            self.assertEqual(client.end(), "SSLV3_ALERT_BAD_RECORD_MAC")

    # 62
    def test_garbage_in_http_2_ends_the_connection(self):
        client = self.client("h2")
        client.send(PREFACE + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        # Frame 7, GOAWAY.
        seen = client.read_until(b"\x00\x00\x08\x07\x00")
        self.assertTrue(seen)
        self.assertEqual(client.end(), "closed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
