"""The whole way: an augmented manifest through a pipe, training, model.tar.gz, processing, as the container does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from aws_tools import as_opt_ml, can_unshare
from sagemaker_run import TRAIN, tree
from ssd_run import shapes

from trackforge import data
from trackforge.cli import main
from trackforge_sagemaker.testing.pipe_agent import PipeAgent, local_objects, of_manifest

NAMES = ("bounding-box", "source-ref", "bounding-box-metadata")
SSD = {
    "trainer": "ssd", "variant": "sagemaker-resnet50-64/16", "epochs": "1", "mini_batch_size": "4",
    "use_pretrained_model": "0", "num_training_samples": "12", "train__workers": "0", "train__tensorboard": "false",
}  # fmt: skip
CONF = "0.1"
BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.skipif(not can_unshare(), reason="needs a mount namespace of its own, which is not granted here")
def test_what_was_trained_through_a_pipe_tracks_as_the_command_line_does(tmp_path):
    made, ml = shapes(tmp_path / "made", count=12), tmp_path / "ml"
    data.convert(made, tmp_path / "bucket", to="augmented-manifest", writing={"prefix": "s3://bucket/"})
    manifest = next((tmp_path / "bucket").glob("*.manifest")).read_text(encoding="utf-8")
    piped = {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO", "ContentType": "application/x-recordio"}
    tree(ml, SSD, train=piped)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SAGEMAKER_", "TRACKFORGE_PROCESS"))}
    environment |= {"OMP_NUM_THREADS": "1"}

    def run(*words: str) -> str:
        done = subprocess.run(
            as_opt_ml(ml, words), env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    content = of_manifest(manifest, NAMES, local_objects(tmp_path / "bucket"), seed=1)
    with PipeAgent(ml / "input/data", "train", content) as pipes:
        log = run(*TRAIN)
    assert [(epoch.number, epoch.whole) for epoch in pipes.served] == [(0, True)]
    assert "12 pictures to train on" in log

    (ml / "processing/model").mkdir(parents=True)
    with tarfile.open(ml / "processing/model/model.tar.gz", "w:gz") as archive:  # as SageMaker packs it
        archive.add(ml / "model", ".")
    shutil.copytree(tmp_path / "made/pictures", ml / "processing/input/walk/shots")
    run(str(BIN / "trackforge-sagemaker"), "process", "--conf", CONF)
    tracked = (ml / "processing/output/walk/shots.txt").read_bytes()
    (tmp_path / "model").mkdir()
    with tarfile.open(ml / "processing/model/model.tar.gz") as archive:
        archive.extract(
            "./model.pth", tmp_path / "model", **({"filter": "data"} if sys.version_info >= (3, 12) else {})
        )
    words = ("--detector", tmp_path / "model/model.pth", "--tracker", "byte", "--conf", CONF, "-q")
    assert main(["track", *map(str, (tmp_path / "made/pictures", *words, "-o", tmp_path / "wanted.txt"))]) == 0
    assert tracked == (tmp_path / "wanted.txt").read_bytes()
    assert tracked.count(b"\n") > 20
