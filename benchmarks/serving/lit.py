"""The same detector and tracker on LitServe, with its batching; pictures in JSON, as its examples send them.

    python -m benchmarks.serving.lit DETECTOR PORT

LitServe has no sessions: trackers stand in the one worker process, by the number that a request gives.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

import litserve

import trackforge
from benchmarks.serving.parts import TRACKER, settings
from trackforge.io.pictures import decode_picture
from trackforge.serving import step_json


class Tracking(litserve.LitAPI):  # type: ignore[misc]
    """One worker, which has all trackers."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - given by LitServe
        """Make the detector."""
        name, given = settings(sys.argv[1])
        self.detector = trackforge.detector(name, **given)
        self.sessions: dict[Any, trackforge.Session] = {}

    # LitServe reads the annotation of the request, and takes it for a query where it is a text
    def decode_request(self, request) -> tuple[Any, trackforge.Frame | None]:  # type: ignore[no-untyped-def]
        """Decode a picture, in the worker as LitServe does."""
        if request.get("forget"):
            return None, None
        image = decode_picture(base64.b64decode(request["picture"]), "picture")
        return request["session"], trackforge.Frame(index=request["index"], image=image)

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Take a batch as it is."""
        return inputs

    def predict(self, batch: list[tuple[Any, trackforge.Frame | None]]) -> list[dict[str, Any]]:
        """Detect in the batch, and go on by it."""
        found = iter(self.detector.detect([frame for _, frame in batch if frame is not None]))
        answers = []
        for session, frame in batch:
            if frame is None:
                self.sessions.clear()
                answers.append({})
                continue
            if session not in self.sessions:
                self.sessions[session] = trackforge.Session(self.detector, TRACKER)
            answers.append(step_json(self.sessions[session].associate(frame, next(found)), self.detector.classes))
        return answers

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take it apart."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Answer with what there is."""
        return output


if __name__ == "__main__":
    api = Tracking(max_batch_size=8, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=300)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
