"""Counts requests and tells them in the Prometheus text format."""

import threading
from collections import Counter


class Metrics:
    """Requests so far, by route and status."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()

    def observe(self, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[route, status] += 1
            self._seconds[route] += seconds

    def render(self) -> str:
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
        lines = [
            "# HELP http_requests_total Requests answered.",
            "# TYPE http_requests_total counter",
        ]
        for (route, status), count in sorted(requests.items()):
            labels = f'route="{route}",status="{status}"'
            lines.append("http_requests_total{" + labels + "} " + str(count))
        lines += [
            "# HELP http_request_seconds_total Time spent answering.",
            "# TYPE http_request_seconds_total counter",
        ]
        for route, total in sorted(seconds.items()):
            lines.append('http_request_seconds_total{route="' + route + '"} ' + f"{total:.6f}")
        return "\n".join(lines) + "\n"
