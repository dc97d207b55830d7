"""The example of docs/serving.md that watches a camera, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from camera_processes import Cameras
from doc_blocks import ROOT, blocks
from served import served, until

PAGE = ROOT / "docs" / "serving.md"


def test_the_example_watches_a_camera_as_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (block for block in blocks(PAGE) if block.test == "tests/e2e/test_serve_live_docs.py")
    cameras = Cameras()
    try:
        with served(tmp_path, "--tracker", "byte") as server:
            added = server.ask("POST", "/v1/cameras", {"address": cameras.http("ts/1?fps=50")}).json
            until(lambda: server.get(f"/v1/cameras/{added['id']}").json["frames"] > 2)
            text = block.text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
            exec(compile(text, block.place, "exec"), {})
            assert capsys.readouterr().out.count("bytes") == 10
    finally:
        cameras.stop()
