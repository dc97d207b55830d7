"""Labels that people check, over real sockets: listed, shown, edited, undone; no edit lost, none made twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cli_runs import run
from labelled_street import labelled
from served import Server, served

from trackforge import data
from trackforge.io.pictures import decode_picture
from trackforge.review import Document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelled(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server"), "--labels", folder, detector="motion") as running:
        yield running


@pytest.fixture
def fresh(folder: Path) -> Path:
    """Return the folder with the document as it was in the beginning."""
    return labelled(folder)


def edit(server: Server, revision: str, /, action: str, key: str = "", **said: Any) -> Any:
    body = {"revision": revision, "edit": {"action": action, **said}, **({"key": key} if key else {})}
    return server.ask("POST", "/v1/labels/street/edits", body)


def test_documents_are_listed_with_how_far_they_are(server: Server, fresh: Path) -> None:
    (fresh / "broken.labels.json").write_text("{", encoding="utf-8")
    try:
        told = server.get("/v1/labels").json
    finally:
        (fresh / "broken.labels.json").unlink()
    assert told["on"] is True
    by_name = {one["name"]: one for one in told["documents"]}
    assert list(by_name) == ["away", "broken", "some stills ä", "street"]
    counts = {"frames": 24, "wanted": 4, "checked": 0, "tracks": 2, "touched": 0}
    assert by_name["street"].items() >= {"name": "street", "sequence": "street", **counts}.items()
    assert "must be JSON" in by_name["broken"]["problem"]
    assert str(fresh) not in by_name["broken"]["problem"]


def test_an_edit_is_on_disk_and_says_what_changed(server: Server, fresh: Path) -> None:
    shown = server.get("/v1/labels/street")
    assert server.get("/v1/labels/street", If_None_Match=shown.headers["ETag"]).status == 304
    revision = shown.json["revision"]
    first = edit(server, revision, "set_box", track=1, frame=10, xyxy=[50, 30, 80, 60], key="one")
    assert first.status == 200, first.body
    told = first.json
    assert list(told["changed"]["tracks"]) == ["1"]
    assert [one["frame"] for one in told["changed"]["tracks"]["1"]["keyframes"]] == [0, 10, 23]
    assert told["changed"]["head"]["effort"]["moved"] == 1
    assert Document.load(fresh / "street.labels.json").track(1).keyframes[1].origin == "person"
    again = edit(server, revision, "set_box", track=1, frame=10, xyxy=[50, 30, 80, 60], key="one")
    assert (again.status, again.json) == (200, told)
    late = edit(server, revision, "accept", frames=[0])
    assert (late.status, late.json["type"]) == (409, "urn:trackforge:problem:labels-changed")
    second = edit(server, told["revision"], "delete_track", track=2).json
    assert second["changed"]["tracks"] == {"2": None}
    undone = server.ask("POST", "/v1/labels/street/undo", {"revision": second["revision"]}).json
    assert (undone["revision"], undone["undo"], undone["redo"]) == (told["revision"], 1, 1)
    assert undone["changed"]["tracks"]["2"]["label"] == 1
    redone = server.ask("POST", "/v1/labels/street/redo", {"revision": undone["revision"]}).json
    assert redone["revision"] == second["revision"]
    nothing = server.ask("POST", "/v1/labels/street/redo", {"revision": redone["revision"]})
    assert (nothing.status, nothing.json["type"]) == (400, "urn:trackforge:problem:nothing-to-undo")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "it is empty"),
        (b"[]", 400, "JSON object"),
        ({"revision": "x"}, 400, "needs edit"),
        ({"revision": "x", "edit": {}}, 409, "changed meanwhile"),
        ({"revision": None, "edit": {}}, 400, "action must be one of"),
        ({"revision": None, "edit": {"action": ["split"]}}, 400, "action must be one of"),
        ({"revision": None, "edit": {"action": "split", "track": 1, "frame": 10**400}}, 400, "whole number"),
        ({"revision": None, "edit": {"action": "split", "track": {"a": 1}, "frame": 1}}, 400, "whole number"),
        ({"revision": None, "edit": {"action": "accept", "frames": "all"}}, 400, "must be a list"),
        ({"revision": None, "edit": {"action": "add_class", "name": "\x1b[2J"}}, 400, "can be shown"),
        ({"revision": None, "edit": {"action": "add_class", "name": "x" * 300_000}}, 413, "at most"),
    ],
)
def test_what_is_no_edit_is_refused(server: Server, fresh: Path, body: Any, status: int, why: str) -> None:
    before = (fresh / "street.labels.json").read_bytes()
    if isinstance(body, dict) and body.get("revision", "") is None:
        body["revision"] = server.get("/v1/labels/street").json["revision"]
    answer = server.ask("POST", "/v1/labels/street/edits", body)
    assert (answer.status, why in answer.json["detail"]) == (status, True), answer.body
    assert (fresh / "street.labels.json").read_bytes() == before


def test_frames_are_the_frames_of_the_film_and_of_the_folder(server: Server, fresh: Path) -> None:
    for number in (0, 17, 18, 3):
        answer = server.get(f"/v1/labels/street/frames/{number}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        image = decode_picture(answer.body, "frame")
        assert abs(float(image[80, 150].mean()) - (20 + 8 * number)) < 4
    assert server.get("/v1/labels/street/frames/3", If_None_Match=answer.headers["ETag"]).status == 304
    still = server.get(f"/v1/labels/{quote('some stills ä')}/frames/2")
    assert (still.headers["Content-Type"], still.body) == ("image/png", (fresh / "pictures" / "2.png").read_bytes())
    for path, why in (
        ("street/frames/24", "24 is none"),
        ("away/frames/0", "away is not there"),
        ("nobody/frames/0", "document of that name"),
    ):
        answer = server.get(f"/v1/labels/{path}")
        assert (answer.status, why in answer.json["detail"]) == (404, True), answer.body
        assert str(fresh) not in answer.json["detail"]
    assert server.get("/v1/labels/street/frames/-1").status == 400
    elsewhere = Document.load(fresh / "street.labels.json").replace(source=str(fresh / "street.mp4"))
    elsewhere.save(fresh / "street.labels.json")
    assert server.get("/v1/labels/street").json["source"] == "street.mp4"  # without the folders of this machine
    assert server.get("/v1/labels/street/frames/1").status == 200
    for path in ("..%2fstreet", "%2e%2e", "street.labels.json"):
        assert server.get(f"/v1/labels/{path}").status == 404


def test_labels_are_given_as_mot_and_coco(server: Server, fresh: Path, tmp_path: Path) -> None:
    text = server.get("/v1/labels/street/export.txt").body.decode()
    assert len(text.splitlines()) == 24 + 8
    (tmp_path / "labels.json").write_bytes(server.get("/v1/labels/street/export.json").body)
    assert len(data.read(tmp_path / "labels.json").boxes) == 32
    assert server.get("/v1/labels/street/export.zip").status == 400


def test_nothing_that_was_answered_is_lost_when_the_server_is_killed(fresh: Path, tmp_path: Path) -> None:
    for words in ((), ("--token", "secret")):
        with served(tmp_path, "--labels", fresh, *words, detector="motion") as server:
            if words:
                assert server.get("/v1/labels").status == 401
                server.headers = {"Authorization": "Bearer secret"}
            told = server.get("/v1/labels/street").json
            assert told["undo"] == (3 if words else 0)
            if words:
                undone = server.ask("POST", "/v1/labels/street/undo", {"revision": told["revision"]}).json
                assert undone["undo"] == 2
                break
            revision = told["revision"]
            for frame in (2, 3, 4):
                revision = edit(server, revision, "accept", frames=[frame]).json["revision"]
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        assert Document.load(fresh / "street.labels.json").checked == {2, 3, 4}
    stranger = {"Origin": "https://evil.example"}
    with served(tmp_path, "--labels", fresh, detector="motion") as server:
        assert server.ask("POST", "/v1/labels/street/undo", {"revision": "x"}, **stranger).status == 403


def test_without_a_folder_there_is_nothing_to_check(tmp_path: Path) -> None:
    done = run("serve", "--labels", tmp_path / "none", "--port", 0, code=1)
    assert "must lie in a folder" in done.stderr
    with served(tmp_path, detector="motion") as server:
        assert server.get("/v1/labels").json == {"on": False, "documents": []}
        answer = server.get("/v1/labels/street")
        assert (answer.status, "--labels" in answer.json["detail"]) == (404, True)
