"""What a container is told under /opt/ml, from files, from variables, and from nothing."""

from __future__ import annotations

import json

import pytest

from trackforge.errors import DataError
from trackforge_sagemaker.opt_ml import LONGEST, OptMl


def _config(root, **files):
    folder = root / "input" / "config"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def test_files_say_it_all(tmp_path):
    _config(
        tmp_path,
        hyperparameters={"lr": "0.1"},
        inputdataconfig={
            "train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO"},
            "validation": {"TrainingInputMode": "FastFile", "S3DistributionType": "ShardedByS3Key"},
        },
        resourceconfig={
            "current_host": "algo-2", "hosts": ["algo-2", "algo-10", "algo-1"], "network_interface_name": "eth0",
            "current_instance_type": "ml.g5.xlarge",
        },
    )  # fmt: skip
    there = OptMl(tmp_path, {"SM_HPS": '{"lr": "9"}', "SM_HOSTS": '["other"]'})
    assert there.hyperparameters == {"lr": "0.1"}
    train, validation = there.channels.values()
    assert (train.mode, train.recordio, train.sharded) == ("Pipe", True, False)
    assert train.fifo(3) == tmp_path / "input" / "data" / "train_3"
    assert (validation.mode, validation.sharded) == ("FastFile", True)
    assert there.hosts == ("algo-1", "algo-10", "algo-2")
    assert there.rank == 2
    assert there.resources.interface == "eth0"


def test_variables_stand_in_for_files(tmp_path):
    said = {
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SM_HPS": '{"lr": 0.1}',
        "SM_CHANNEL_TRAIN": "/somewhere/train",
        "SM_HOSTS": '["algo-1", "algo-2"]',
        "SM_CURRENT_HOST": "algo-2",
        "SM_MODEL_DIR": "/somewhere/model",
    }
    there = OptMl(environment=said)
    assert there.hyperparameters == {"lr": 0.1}
    assert str(there.channels["train"].path) == "/somewhere/train"
    assert (there.rank, str(there.model), there.checkpoints) == (1, "/somewhere/model", tmp_path / "checkpoints")
    assert OptMl(environment={"SM_HP_NUM_EPOCHS": "3"}).hyperparameters == {"num_epochs": "3"}


def test_nothing_is_one_machine_with_its_folders(tmp_path):
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    there = OptMl(tmp_path, {})
    assert (there.hyperparameters, there.hosts, there.rank) == ({}, ("algo-1",), 0)
    assert list(there.channels) == ["train"]


@pytest.mark.parametrize(
    ("file", "content", "asked", "words"),
    [
        ("hyperparameters", "[1]", "hyperparameters", "JSON object"),
        ("hyperparameters", "{", "hyperparameters", "must be JSON"),
        ("inputdataconfig", {"../x": {}}, "channels", "stays in its folder"),
        ("inputdataconfig", {"train": {"TrainingInputMode": "Fast"}}, "channels", "TrainingInputMode"),
        ("resourceconfig", {"current_host": "a", "hosts": ["b"]}, "resources", "current_host"),
        ("resourceconfig", {"current_host": "a", "hosts": "a"}, "resources", "list of names"),
    ],
)
def test_malformed_files_are_named(tmp_path, file, content, asked, words):
    there = OptMl(_config(tmp_path, **{file: content}), {})
    with pytest.raises(DataError, match=words) as caught:
        getattr(there, asked)
    assert file in str(caught.value)


def test_the_first_reason_of_a_failure_counts(tmp_path):
    there = OptMl(tmp_path, {})
    there.fail("first \x1b[2J" + "x" * 5000)
    there.fail("second")
    text = there.failure.read_text()
    assert text.startswith("first \\x1b[2J")
    assert len(text) == LONGEST
    there.begin()
    assert not there.failure.exists()
    there.message("done")
    assert (tmp_path / "output" / "message").read_text() == "done"
    there.message("x" + "é" * LONGEST)
    assert LONGEST - 2 < len((tmp_path / "output" / "message").read_bytes()) <= LONGEST, "no letter is cut in two"
    (tmp_path / "file").write_text("")
    OptMl(tmp_path / "file", {}).fail("no place to say it in, and no error")
