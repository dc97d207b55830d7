"""Folders of results as the report reads them: whatever a summary says, of whichever version; what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli_runs import run
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge import reporting
from trackforge.errors import ConfigError, InvalidInputError, MissingFileError, TrackforgeError
from trackforge.io.mot import write_mot
from trackforge.reporting import facts
from trackforge.reporting.folders import labels_of, read_results
from trackforge.table import TrackTable

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    *("source", "frames", "skipped", "fps", "rate", "size", "stage_ms", "notes", "class_names", "detections"),
    *("first_frame", "last_frame", "outputs"),
]
SEQUENCE = st.fixed_dictionaries({"name": st.just("a") | ANY}, optional=dict.fromkeys(KEYS, ANY))
SUMMARY = st.fixed_dictionaries(
    {},
    optional={"sequences": ANY | st.lists(SEQUENCE, max_size=3), "detector": ANY, "tracker": ANY, "interrupted": ANY},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("results") / "out"
    made.mkdir()
    table = TrackTable(frame=np.arange(3), xyxy=np.tile([1.0, 2, 30, 40], (3, 1)), track_id=np.ones(3, np.int64))
    write_mot(made / "a.txt", table, kind="tracks")
    return made


@settings(max_examples=60)
@given(SUMMARY | ANY)
def test_any_summary_is_read_or_refused(folder, summary):
    (folder / "summary.json").write_text(json.dumps(summary))
    try:
        results = read_results(folder)
    except TrackforgeError:
        return
    assert all(len(one.table) == 3 for one in results.sequences.values())
    for part in (facts.counts, facts.speeds, facts.settings):
        str(part([results]))
    reporting.report(folder, film="none", out=folder.parent / "page.html")


def test_a_number_of_frames_that_cannot_be_is_not_believed(folder):
    (folder / "summary.json").write_text('{"sequences": [{"name": "a", "frames": 1099511627776}]}')
    assert read_results(folder).sequences["a"].processed is None


def test_what_is_refused_and_why(folder, tmp_path):
    (folder / "summary.json").write_text("{}")
    with pytest.raises(ConfigError, match="needs a folder of results; none was given"):
        reporting.report("")
    with pytest.raises(MissingFileError, match="trackforge track FILM -o"):
        reporting.report(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="must have tracks"):
        reporting.report(tmp_path / "empty")
    with pytest.raises(InvalidInputError, match="must have sequence 'b'"):
        reporting.report(folder, sequences=("b",))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.txt").write_text((folder / "a.txt").read_text())
    with pytest.raises(InvalidInputError, match="a sequence in common"):
        reporting.report(folder, against=str(tmp_path / "other"))
    with pytest.raises(ConfigError, match="must not replace its source"):
        reporting.report(folder, out=folder / "a.txt")
    with pytest.raises(TrackforgeError, match=r"gt\.txt"):
        reporting.report(folder, truth=(tmp_path / "gt.txt",))
    assert not list(folder.glob("*.html"))
    assert "none was given" in run("report", code=2).stderr


def test_runs_are_called_by_what_tells_them_apart(tmp_path):
    assert labels_of([tmp_path / "a" / "out", tmp_path / "b" / "out"]) == ["a/out", "b/out"]
    assert labels_of([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
