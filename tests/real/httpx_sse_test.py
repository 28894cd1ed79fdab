"""The PyPI package `httpx-sse`: how Python programs read a stream, in clear and over HTTP/2."""

import json
import unittest

import httpx
from httpx_sse import connect_sse

from server import DEADLINE, Certificate, Server

TEXTS = [
    "plain",
    "two\nlines",
    "\n\nblank lines first",
    "line separator \u2028 paragraph separator \u2029 next line \u0085 end",
    "data: x\n\nevent: close\ndata: {}",
    "id: 1\nretry: 1\n: a comment",
    "tab\tand \"quotes\" and \\ and </script>",
    "emoji 🎈👩‍👩‍👧 聊天室 עברית",
    "0",
    "x" * 4096,
]


class Streams(unittest.TestCase):
    version = "HTTP/1.1"

    def setUp(self):
        self.server, options = self.start()
        self.addCleanup(self.server.stop)
        self.client = httpx.Client(base_url=self.server.url, timeout=DEADLINE, **options)
        self.addCleanup(self.client.close)

    def start(self):
        return Server(), {}

    def say(self, message, name="Alice"):
        answer = self.client.post("/rooms/lobby/messages", json={"name": name, "message": message})
        self.assertEqual(answer.status_code, 201, answer.text)
        return answer.json()

    def stream(self, **options):
        return connect_sse(self.client, "GET", "/rooms/lobby/events", **options)

    def test_hello_is_first_and_has_the_cursor(self):
        with self.stream() as source:
            self.assertEqual(source.response.http_version, self.version)
            self.assertEqual(source.response.headers["content-type"], "text/event-stream")
            hello = next(source.iter_sse())
        self.assertEqual(hello.event, "hello")
        self.assertEqual(hello.json()["cursor"], hello.id)
        self.assertEqual(hello.json()["ping_ms"], 15000)
        self.assertTrue(2000 <= hello.retry <= 5000, hello.retry)

    def test_texts_come_back_as_they_were_said(self):
        with self.stream() as source:
            events = source.iter_sse()
            next(events)
            for number, text in enumerate(TEXTS, 1):
                with self.subTest(text=text[:40]):
                    said = self.say(text)
                    event = next(events)
                    self.assertEqual((event.event, event.id), ("update", said["id"]))
                    self.assertEqual(event.json(), said)
                    self.assertEqual(said["message"], text)
                    self.assertEqual(said["number"], number)

    def test_a_stream_goes_on_after_the_last_event_id(self):
        said = [self.say(text) for text in TEXTS]
        for header in (True, False):
            with self.subTest(header=header):
                cursor = said[3]["id"]
                options = (
                    {"headers": {"Last-Event-ID": cursor}} if header else {"params": {"last_event_id": cursor}}
                )
                with self.stream(**options) as source:
                    events = source.iter_sse()
                    self.assertEqual(next(events).id, cursor)
                    self.assertEqual([next(events).json() for _ in said[4:]], said[4:])
                    live = self.say("live")
                    self.assertEqual(next(events).json(), live)
                said.append(live)

    def test_a_cursor_that_is_none_gets_a_gap_and_all_there_is(self):
        said = [self.say(text) for text in TEXTS]
        for cursor in (b"garbage", b"x" * 65, b"\xff\xfe", b"0-18446744073709551616", b"%00"):
            with self.subTest(cursor=cursor), self.stream(headers={"Last-Event-ID": cursor}) as source:
                self.assertEqual(source.response.status_code, 200)
                events = source.iter_sse()
                self.assertEqual(next(events).event, "hello")
                gap = next(events)
                self.assertEqual(gap.event, "gap")
                self.assertEqual(
                    gap.json(), {"room": "lobby", "reason": "unknown", "lost": None, "next": 1}
                )
                self.assertEqual([next(events).json() for _ in said], said)

    def test_a_named_stream_is_told_who_is_here(self):
        with self.stream(params={"name": "Björn"}) as source:
            events = source.iter_sse()
            self.assertEqual(next(events).event, "hello")
            presence = next(events)
        self.assertEqual(presence.event, "presence")
        # httpx-sse repeats the last id; presence itself must not have set one.
        self.assertTrue(presence.id.endswith("-0"), presence.id)
        self.assertEqual([member["name"] for member in presence.json()["members"]], ["Björn"])
        self.assertEqual(json.loads(presence.data)["count"], 1)


class StreamsOverHttp2(Streams):
    """The same over HTTP/2 with TLS: all streams and messages on one connection."""

    version = "HTTP/2"

    def start(self):
        certificate = Certificate()
        self.addCleanup(certificate.remove)
        return Server(certificate=certificate), {"http2": True, "verify": certificate.trusting()}


if __name__ == "__main__":
    unittest.main(verbosity=2)
