"""docs/serving.md: its examples against a real server, its tables against what the server says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from bright_detector import encoded, scene
from cli_runs import command
from doc_blocks import ROOT, blocks
from served import PATIENCE, served

from trackforge.serving.http.openapi import MEANING
from trackforge.serving.http.problems import problem
from trackforge.serving.refusals import Refusal

PAGE = ROOT / "docs" / "serving.md"
ADDRESS = "127.0.0.1:8000"


def refusals(kind: type[Refusal]) -> set[type[Refusal]]:
    """Every kind of refusal of the library that there is."""
    below = {one for sub in kind.__subclasses__() for one in refusals(sub) | {sub}}
    return {one for one in below if one.__module__.startswith("trackforge.serving")}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_examples_for_clients_work_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(encoded(scene(0), ".jpg"))
    (tmp_path / "demo").mkdir()
    film = cv2.VideoWriter("demo/street.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    for k in range(12):
        film.write(scene(k)[:, :, ::-1])
    film.release()
    ours = [block for block in blocks(PAGE) if block.test == "tests/e2e/test_serve_docs.py"]
    assert [block.language for block in ours] == ["sh", "python", "sh", "python", "python"]
    with served(tmp_path, "--tracker", "byte") as server:
        here = f"127.0.0.1:{server.port}"
        names: dict[str, object] = {}
        for block in ours[1:]:
            text = block.text.replace(ADDRESS, here)
            if block.language == "python":
                exec(compile(text, block.place, "exec"), names)
                continue
            for line in text.splitlines():
                done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=PATIENCE, check=True)
                assert '"id"' in done.stdout or '"detections"' in done.stdout, done.stdout
        assert names["counts"] == {**names["counts"], "frames": 12}  # type: ignore[dict-item]
        assert names["step"]["frame"] == 11  # type: ignore[index]
        assert [one["frame"] for one in names["found"]] == list(range(12))  # type: ignore[attr-defined]
        assert "1,1," in names["rows"]  # type: ignore[operator]


def test_the_first_command_serves_on_the_port_that_the_page_names(tmp_path: Path) -> None:
    (first, *_) = [block for block in blocks(PAGE) if block.test]
    assert shlex.split(first.text) == ["trackforge", "serve"]
    shown = subprocess.run(
        command("serve", "--help"), capture_output=True, text=True, timeout=PATIENCE, check=True, cwd=tmp_path
    ).stdout
    assert "[default: 8000]" in shown
    assert "[default: 127.0.0.1]" in shown


def test_the_tables_of_statuses_limits_and_metrics_are_whole(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    with served(tmp_path, "--tracker", "byte") as server:
        server.frame(server.open(), encoded(scene(0)))
        description = server.get("/openapi.json").json
        metrics = server.get("/metrics").body.decode()
    used = {
        int(status)
        for methods in description["paths"].values()
        for one in methods.values()
        for status in one["responses"]
        if status[0] in "45"
    }
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE)}
    assert used <= told
    assert told <= set(MEANING)
    kinds = {problem(kind("...")).get("type", "").rpartition(":")[2] for kind in refusals(Refusal)}
    assert {kind for kind in kinds if f"`{kind}`" not in text} == set()
    families = set(re.findall(r"^# TYPE (trackforge_\w+) (?:counter|gauge|histogram)$", metrics, re.MULTILINE))
    families = {name for name in families if not name.endswith("_created")}
    assert {name for name in families if f"`{name}`" not in text} == set()
