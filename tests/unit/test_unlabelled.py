"""Pictures without labels as a set."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled import write_picture

from trackforge import data
from trackforge.errors import DataError, MissingFileError


def test_pictures_without_labels_become_a_new_job(tmp_path: Path) -> None:
    for k, name in enumerate(("b.png", "deep/a.png", "._a.png")):
        write_picture(tmp_path / "boats" / name, (64, 48), k)
    (tmp_path / "boats/notes.txt").write_text("x")
    found = data.unlabelled(tmp_path / "boats", ["boat"])
    assert [str(one) for one in found.images.path] == ["b.png", "deep/a.png"]
    assert (found.images.width[0], found.images.height[0], len(found.boxes), found.classes) == (64, 48, 0, ("boat",))
    job = data.write_job(found, tmp_path / "job", kind="new", task="boxes", prefix="s3://bucket/job/")
    assert (job.pictures, job.audited) == (2, "")
    with pytest.raises(MissingFileError, match=r"no .*nowhere"):
        data.unlabelled(tmp_path / "nowhere", ["boat"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is none"):
        data.unlabelled(tmp_path / "empty", ["boat"])
