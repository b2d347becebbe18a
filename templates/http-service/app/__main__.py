"""Runs the service until it is told to stop."""

import os
import signal
import threading

from app.server import Service


def main() -> None:
    service = Service(port=int(os.environ.get("PORT", "8080")))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    service.start()
    stop.wait()
    # Not ready first, so that no new request is sent here; then the ones under way are finished.
    service.stop()


if __name__ == "__main__":
    main()
