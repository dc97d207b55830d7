"""The examples of docs/serving.md for films and cameras, against a real server."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from bright_detector import scene
from camera_processes import Cameras
from doc_blocks import ROOT, blocks
from served import PATIENCE, served, until

PAGE = ROOT / "docs" / "serving.md"
ADDRESS = "127.0.0.1:8000"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_examples_for_films_and_cameras_work_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    film = cv2.VideoWriter("demo/street.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    for k in range(12):
        film.write(scene(k)[:, :, ::-1])
    film.release()
    shell, films, watching = (block for block in blocks(PAGE) if block.test == "tests/e2e/test_serve_live_docs.py")
    cameras = Cameras()
    try:
        with served(tmp_path, "--tracker", "byte") as server:
            here = f"127.0.0.1:{server.port}"
            line = shlex.split(shell.text.replace(ADDRESS, here))
            sent = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=True)
            assert json.loads(sent.stdout)["name"] == "street.mp4"
            names: dict[str, object] = {}
            exec(compile(films.text.replace(ADDRESS, here), films.place, "exec"), names)
            assert names["step"]["frame"] == 11  # type: ignore[index]
            assert "rows of MOT text" in capsys.readouterr().out
            added = server.ask("POST", "/v1/cameras", {"address": cameras.http("ts/1?fps=50")}).json
            until(lambda: server.get(f"/v1/cameras/{added['id']}").json["frames"] > 2)
            exec(compile(watching.text.replace(ADDRESS, here), watching.place, "exec"), {})
            assert capsys.readouterr().out.count("bytes") == 10
    finally:
        cameras.stop()
