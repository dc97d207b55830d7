"""Whatever bytes a file holds, a reader gives a result or an error of ours that names the file; nothing else."""

from __future__ import annotations

import copy
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trackforge import data
from trackforge.data.pictures import PictureReader
from trackforge.errors import TrackforgeError
from trackforge.io.coco import read_coco, read_coco_classes
from trackforge.io.mot import read_mot, read_seqinfo
from trackforge.io.pictures import picture_size
from trackforge.io.stacks import open_pictures

BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WILD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([-(2**63), 2**63, 10**400, 10**5000]),
    st.floats(),
    st.text(max_size=3),
    st.just([1]),
    st.just({"id": 1}),
)
GOOD = {
    "videos": [{"id": 1, "name": "a"}, {"id": 2, "file_name": "b"}],
    "images": [
        {
            "id": k,
            "file_name": f"{k}.jpg",
            "width": 9,
            "height": 9,
            "video_id": 1,
            "frame_id": k,
            "split": "train",
            "x": k,
        }
        for k in range(3)
    ],
    "annotations": [
        {"id": k, "image_id": k, "category_id": 3, "bbox": [1, 2, 3, 4], "track_id": 5, "area": 12, "score": 1, "x": k}
        for k in range(3)
    ],
    "categories": [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}],
}
FIELDS = sorted({key for items in GOOD.values() for item in items for key in item})
MORE = ["frame_index", "instance_id", "visibility", "iscrowd", "ignore", "segmentation"]


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Draw a good file with some values exchanged for anything, or left out."""
    document: Any = copy.deepcopy(GOOD)
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(sorted(document)))
        change = draw(st.sampled_from(["list", "entry", "corner", "field", "field", "field", "field"]))
        if change == "list" or not isinstance(document[key], list) or not document[key]:
            document[key] = draw(WILD)
            continue
        at = draw(st.integers(0, len(document[key]) - 1))
        entry = document[key][at]
        if change == "entry" or not isinstance(entry, dict):
            document[key][at] = draw(WILD)
        elif change == "corner" and isinstance(entry.get("bbox"), list):
            entry["bbox"] = draw(st.lists(st.one_of(st.integers(0, 9), WILD), min_size=4, max_size=4))
        elif draw(st.booleans()):
            entry[draw(st.sampled_from(FIELDS + MORE))] = draw(WILD)
        else:
            entry.pop(draw(st.sampled_from(FIELDS)), None)
    return draw(st.sampled_from([document, document, document["annotations"]]))


def survives(read: Callable[[Path], Any], name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            read(path)
        except TrackforgeError as error:
            message = str(error)
        else:
            return
    assert name in message


@BOUNDED
@given(documents())
@example(GOOD | {"images": [GOOD["images"][0] | {"area": 10**400}], "annotations": []})
def test_coco_of_any_content(document: Any) -> None:
    content = json.dumps(document).encode() if _writable(document) else b"[" + b"9" * 5000 + b"]"
    for read in (read_coco, read_coco_classes, data.read, data.check):
        survives(read, "any.json", content)


def _writable(document: Any) -> bool:
    try:
        json.dumps(document)
    except ValueError:  # Python writes no numbers of thousands of digits, and reads none
        return False
    return True


@BOUNDED
@given(st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b'{"images": [' + b"[" * 900 + b"]" * 900 + b"]}")
@example(b'{"images": [{"id": 1, "file_name": "a\\u0000b"}], "annotations": [], "categories": []}')
@example(b'{"images": [{"id": 1, "file_name": "\\ud800"}], "annotations": [], "categories": []}')
@example(b"\xff\xfe")
def test_coco_of_any_bytes(content: bytes) -> None:
    for read in (read_coco, read_coco_classes, data.read, data.check):
        survives(read, "any.json", content)


MARKS = st.sampled_from(
    [b",", b" ", b"\t", b";", b"\n", b"\r", b"\0", b"1", b"-1", b"2.5", b"nan", b"inf", b"1e308", b"1_0", b"0x1", b"#"]
)
LINES = st.lists(
    st.lists(st.sampled_from(["1", "2", "-1", "0.5", "1e300", "nan", "9007199254740993"]), min_size=5, max_size=11).map(
        ",".join
    ),
    max_size=3,
).map(lambda lines: "\n".join(lines).encode())


@BOUNDED
@given(st.one_of(st.binary(max_size=40), st.lists(MARKS, max_size=40).map(b"".join), LINES))
@example(b"1,1,0,0,1e308,1,1,1,1\n")
@example(b"1e300,1,0,0,1,1,1\n1,1,0,0,1,1,1\n")
@example(b"\x1c\n1,1,0,0,1,1,1")
def test_mot_of_any_bytes(content: bytes) -> None:
    for kind in ("tracks", "truth", "detections"):
        survives(lambda path, kind=kind: read_mot(path, kind=kind), "any.txt", content)  # type: ignore[misc]


@BOUNDED
@given(st.binary(max_size=60))
@example(b"[Sequence]\nseqLength=-1")
@example(b"[Sequence]\nseqLength=5\nframeRate=nan")
@example(b"[Sequence]\nseqLength=1" + b"0" * 5000)
def test_seqinfo_of_any_bytes(content: bytes) -> None:
    survives(read_seqinfo, "seqinfo.ini", content)


def picture(suffix: str) -> bytes:
    done, content = cv2.imencode(suffix, np.arange(36, dtype=np.uint8).reshape(4, 3, 3))
    assert done
    return bytes(content.tobytes())


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm"])
def test_pictures_with_any_bytes(suffix: str) -> None:
    whole = picture(suffix)
    places = st.integers(0, len(whole))

    @BOUNDED
    @given(st.lists(st.tuples(places, st.binary(max_size=4)), max_size=3), places)
    def damaged(changes: list[tuple[int, bytes]], end: int) -> None:
        content = whole
        for at, other in changes:
            content = content[:at] + other + content[at + len(other) :]
        for cut in (content, content[:end], b"".join(other for _, other in changes)):
            for read in (picture_size, PictureReader().read, lambda path: open_pictures(path).read(0)):
                survives(read, f"any{suffix}", cut)

    damaged()
