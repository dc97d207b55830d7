"""A container as JumpStart's Mask R-CNN, for tests: it finds what is bright, and answers with boxes and masks."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
        most = int((self.headers["Accept"] or "").partition("n_predictions=")[2] or 100)
        count, pixels, places, _ = cv2.connectedComponentsWithStats((picture > 128).astype(np.uint8))
        found = [number for number in range(1, count) if places[number][4] > 20][:most]
        boxes = [[int(x), int(y), int(x + w), int(y + h)] for x, y, w, h, _ in places[found].tolist()]
        answer = {
            "ids": [0] * len(found),
            "scores": [0.9 - 0.05 * k for k in range(len(found))],
            "bboxes": boxes,
            "masks": [(pixels == number).astype(int).tolist() for number in found],
            "labels": ["person"] * len(found),
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def jumpstart_container() -> Iterator[str]:
    """Give the address of the container while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
