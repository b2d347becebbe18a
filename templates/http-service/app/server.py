"""The HTTP side: which path is answered how."""

import json
import logging
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app.metrics import Metrics

LOG = logging.getLogger("{{ component }}")
JSON = "application/json"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """The service: `start`, then `stop`."""

    def __init__(self, port: int, host: str = "") -> None:
        self.metrics = Metrics()
        self.ready = threading.Event()
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        # Requests under way are waited for when the service stops.
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, name="http")

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def start(self) -> None:
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
        self._thread.start()
        self.ready.set()
        LOG.info(json.dumps(dict(event="started", port=self.port)))

    def stop(self) -> None:
        self.ready.clear()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        LOG.info(json.dumps(dict(event="stopped")))

    def answer(self, path: str) -> tuple[HTTPStatus, str, str]:
        """Status, content type and body for a path."""
        if path == "/":
            return HTTPStatus.OK, JSON, json.dumps(dict(service="{{ service }}", component="{{ component }}"))
        if path == "/healthz":
            return HTTPStatus.OK, JSON, json.dumps(dict(status="ok"))
        if path == "/readyz":
            # Add what the service cannot work without: a database, a queue.
            if self.ready.is_set():
                return HTTPStatus.OK, JSON, json.dumps(dict(status="ready"))
            return HTTPStatus.SERVICE_UNAVAILABLE, JSON, json.dumps(dict(status="not ready"))
        if path == "/metrics":
            return HTTPStatus.OK, TEXT, self.metrics.render()
        return HTTPStatus.NOT_FOUND, JSON, json.dumps(dict(error="not found"))


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A client that says nothing does not keep a thread.
        timeout = 10

        def do_GET(self) -> None:
            self._reply(with_body=True)

        def do_HEAD(self) -> None:
            self._reply(with_body=False)

        def _reply(self, with_body: bool) -> None:
            began = time.monotonic()
            path = self.path.partition("?")[0]
            status, content_type, text = service.answer(path)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if with_body:
                self.wfile.write(body)
            # Paths that are not ours are counted together: labels must not grow with what strangers ask for.
            route = path if status != HTTPStatus.NOT_FOUND else "other"
            service.metrics.observe(route, int(status), time.monotonic() - began)

        def version_string(self) -> str:
            return "{{ component }}"

        def log_message(self, format: str, *args: object) -> None:
            if self.path not in ("/healthz", "/readyz", "/metrics"):
                LOG.info(json.dumps(dict(event="request", client=self.client_address[0], line=format % args)))

    return Handler
