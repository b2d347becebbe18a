"""The service answers what its deployment and its users ask."""

import json
import unittest
from http.client import HTTPConnection

from app.server import Service


class ServerTest(unittest.TestCase):
    def setUp(self) -> None:
        self.service = Service(port=0, host="127.0.0.1")
        self.service.start()
        self.addCleanup(self.service.stop)

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.service.port, timeout=5)
        try:
            connection.request(method, path, headers=dict(Connection="close"))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def test_says_who_it_is(self) -> None:
        status, body = self.get("/?from=test")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body), dict(service="{{ service }}", component="{{ component }}"))

    def test_is_healthy(self) -> None:
        self.assertEqual(self.get("/healthz")[0], 200)
        self.assertEqual(self.get("/healthz", "HEAD"), (200, ""))

    def test_is_ready_until_it_stops(self) -> None:
        self.assertEqual(self.get("/readyz")[0], 200)
        self.service.ready.clear()
        status, body = self.get("/readyz")
        self.assertEqual((status, json.loads(body)), (503, dict(status="not ready")))
        self.assertEqual(self.get("/healthz")[0], 200)

    def test_unknown_paths_are_counted_together(self) -> None:
        for path in ("/a", "/b"):
            self.assertEqual(self.get(path)[0], 404)
        status, body = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn('http_requests_total{route="other",status="404"} 2', body)
        self.assertNotIn("/a", body)


if __name__ == "__main__":
    unittest.main()
