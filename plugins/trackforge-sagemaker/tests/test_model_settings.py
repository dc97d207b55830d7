"""Settings that a model folder brings along: how it looks and tracks, and nothing that reaches beyond the folder."""

from __future__ import annotations

import shutil
import tarfile

import pytest

from trackforge.errors import ConfigError, DataError, MissingFileError, TrackforgeError, UnknownComponentError
from trackforge_sagemaker import model_dir
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing.saying import listen
from trackforge_sagemaker.serving.environment import configured

MOTION = '[detector]\nname = "motion"\n'
REFUSED = {
    "a folder to write to": (MOTION + '[serve]\nsave_crops = "/tmp/x"\n', ConfigError, "got 'save_crops'"),
    "an output": (MOTION + '[serve]\nout = ["/tmp/x.txt"]\nshow = true\n', ConfigError, "got 'out, show'"),
    "a sink": (MOTION + '[[sink]]\npath = "/tmp/x.txt"\n', ConfigError, "tables only.*got 'sink'"),
    "sinks": (MOTION + "[sinks.mot]\nlabels = true\n", ConfigError, "got 'sinks'"),
    "a source": (MOTION + '[source]\nname = "camera"\n', ConfigError, "got 'source'"),
    "the port": (MOTION + '[serve]\nport-file = "/tmp/x"\nport = 1\n', ConfigError, "got 'port-file, port'"),
    "a camera": (MOTION + '[serve]\ncameras = ["0"]\nallow_cameras = true\n', ConfigError, "got 'cameras, allow_"),
    "a token": (MOTION + '[serve]\ntoken = "x"\norigins = ["*"]\n', ConfigError, "got 'token, origins'"),
    "folders": (MOTION + '[serve]\nfilms_dir = "/x"\nsessions_dir = "/x"\n', ConfigError, "got 'films_dir, sess"),
    "weights elsewhere": ('[serve]\nweights = "/etc/x.onnx"\n', ConfigError, "got 'weights'"),
    "a detector elsewhere": ('[detector]\nname = "/etc/x.PTH"\n', DataError, "must stay in"),
    "a file as detector": ('[detector]\nname = "../passwd"\n', DataError, "must stay in"),
    "a file with weights": (
        '[detector]\nname = "/etc/passwd"\nweights = "m.onnx"\n', UnknownComponentError, "/etc/passwd",
    ),
    "detections": ('[detector]\nname = "file"\npath = "/etc/passwd"\n', DataError, "must stay in"),
    "a reference": ('[detector]\nname = "file"\npath = "d.txt"\nreference = "../x"\n', DataError, "must stay in"),
    "a file as tracker": (MOTION + '[tracker]\nname = "m.onnx"\n', UnknownComponentError, "m.onnx"),
    "a list of analytics": (MOTION + "[analytics]\nlines = 3\n", ConfigError, "tables by name"),
    "a number": ("[detector]\nname = 3\n", ConfigError, "detector.name must be a text; got 3"),
    "a list": ('[detector]\nweights = ["a"]\n', ConfigError, "detector.weights must be a text; got \\['a'\\]"),
    "a number for a tracker": (MOTION + "[tracker]\nname = 3\n", ConfigError, "tracker.name must be a text"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_reaches_beyond_is_refused_by_all_who_load_it(tmp_path, name):
    text, error, words = REFUSED[name]
    place = tmp_path / "processing/model"
    place.mkdir(parents=True)
    (place / "trackforge.toml").write_text(text)
    (place / "m.onnx").write_bytes(b"")
    with pytest.raises(error, match=words) as caught:
        listen([], {}, OptMl(tmp_path, {}))
    assert isinstance(caught.value, TrackforgeError)
    with pytest.raises(error, match=words):
        configured(place, {})


def test_files_of_the_folder_are_found_from_anywhere(tmp_path, monkeypatch):
    place = tmp_path / "model"
    place.mkdir()
    monkeypatch.chdir(tmp_path)
    (place / "d.txt").write_text("1,-1,0,0,9,9,1,-1,-1,-1\n")
    (place / "trackforge.toml").write_text(
        '[detector]\nname = "file"\npath = "d.txt"\n[tracker]\nname = "online"\nassociator = "byte"\n'
        "[tracker.associator_settings]\nhigh_score = 0.5\n[serve]\nconf = 0.2\nwaiting = 4\n[hosting]\nstride = 2\n"
    )
    found = model_dir.find("model")
    assert found["detector"] == {"name": "file", "path": "model/d.txt"}
    assert found["tracker"]["associator_settings"] == {"high_score": 0.5}
    plan, hosting = configured(place, {"TRACKFORGE_SERVE_PORT": "0"})
    assert (plan.run.conf, plan.run.waiting, plan.run.port, hosting.stride) == (0.2, 4, 0, 2)


def test_archives_in_one_another_come_to_an_end(tmp_path):
    """One file may unpack to itself, for ever."""
    inner = tmp_path / "model.tar.gz"
    (tmp_path / "model.onnx").write_bytes(b"")
    for layer, file in (("a", "model.onnx"), ("b", "model.tar.gz"), ("c", "model.tar.gz")):
        with tarfile.open(tmp_path / layer, "w:gz") as tar:
            tar.add(tmp_path / file, file)
        shutil.move(tmp_path / layer, inner)
    with pytest.raises(MissingFileError, match="there is none"):
        model_dir.find(inner)


def test_a_model_may_say_what_is_measured(tmp_path):
    lines = '[analytics.lines]\nlines = "door=0,0 9,9"\n[analytics.gate]\nname = "lines"\nlines = "a=1,2 3,4"\n'
    (tmp_path / "trackforge.toml").write_text(MOTION + '[serve]\nline = ["other=5,5 9,9"]\n' + lines)
    plan, _ = configured(tmp_path, {})
    assert {name: one.name for name, one in plan.analytics.items()} == {"lines": "lines", "gate": "lines"}
    assert plan.analytics["lines"].settings["lines"] == ("other=5,5 9,9",)  # options count more than tables
    (tmp_path / "trackforge.toml").write_text(MOTION + "[analytics.lines]\nlinse = 3\n")
    with pytest.raises(ConfigError, match=r"\[analytics.lines\].*Did you mean 'lines'"):
        configured(tmp_path, {})
