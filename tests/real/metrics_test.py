"""The PyPI package `prometheus_client`: what Prometheus makes of our metrics."""

import json
import os
import subprocess
import unittest
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

DEADLINE = 20.0
BINARY = os.environ["SSE_CHAT_BIN"]


class Metrics(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen(
            [BINARY, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--log-format", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(self.stop)
        started = json.loads(self.server.stderr.readline())["fields"]
        self.url = f"http://{started['listen']}"
        self.metrics = f"http://{started['metrics']}/metrics"

    def stop(self):
        self.server.kill()
        self.server.wait(DEADLINE)
        self.server.stderr.close()

    def say(self, message):
        body = json.dumps({"name": "Alice", "message": message}).encode()
        request = urllib.request.Request(
            f"{self.url}/rooms/lobby/messages", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            self.assertEqual(answer.status, 201)

    def scrape(self):
        with urllib.request.urlopen(self.metrics, timeout=DEADLINE) as answer:
            text = answer.read().decode()
        return list(text_string_to_metric_families(text))

    def test_every_family_has_a_type_a_text_and_its_series_once(self):
        families = self.scrape()
        names = [family.name for family in families]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 25)
        for family in families:
            with self.subTest(family=family.name):
                self.assertIn(family.type, ("counter", "gauge", "histogram"))
                self.assertTrue(family.documentation)
                series = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
                self.assertTrue(series)
                self.assertEqual(len(series), len(set(series)))

    def test_a_histogram_adds_up(self):
        for number in range(5):
            self.say(f"message {number}")
        (publish,) = [f for f in self.scrape() if f.name == "sse_chat_publish_seconds"]
        buckets = [s for s in publish.samples if s.name.endswith("_bucket")]
        counts = [s.value for s in buckets]
        self.assertEqual(counts, sorted(counts), "each bucket has those before it")
        self.assertEqual((buckets[-1].labels["le"], counts[-1]), ("+Inf", 5.0))
        (count,) = [s.value for s in publish.samples if s.name.endswith("_count")]
        (total,) = [s.value for s in publish.samples if s.name.endswith("_sum")]
        self.assertEqual(count, 5.0)
        self.assertGreater(total, 0.0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
