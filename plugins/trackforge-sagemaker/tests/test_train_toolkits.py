"""The same training under AWS's own tools: the containers' toolkit, and SDK v3's drivers with torchrun."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("trackforge_yolox")
pytest.importorskip("trackforge_fairmot")

import aws_tools  # noqa: E402
from doc_blocks import blocks  # noqa: E402
from hosted import hosted, invoke  # noqa: E402
from sagemaker_run import TINY, TINY_FAIRMOT, metrics, squares_channel, tree, walkers_channel  # noqa: E402

from trackforge_sagemaker.metrics import definitions  # noqa: E402

pytestmark = pytest.mark.sagemaker

ROOT = Path(__file__).parents[3]


def _source(folder: Path) -> Path:
    """Make the folder with the script that the page on SageMaker shows."""
    folder.mkdir(parents=True)
    (script,) = [one for one in blocks(ROOT / "docs/sagemaker.md") if one.test.endswith(Path(__file__).name)]
    (folder / "train.py").write_text(script.text)
    return folder


def _as_framework(hyperparameters: dict[str, str]) -> dict[str, str]:
    """Encode as SDK v2's frameworks do."""
    return {key: json.dumps(value) for key, value in hyperparameters.items()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """FairMOT's published job, run by the toolkit's own ``train``: the tree, and what was said."""
    base = tmp_path_factory.mktemp("toolkit")
    walkers_channel(base)
    program = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(_source(base / "source"))}
    program |= {"sagemaker_region": "us-east-1", "sagemaker_job_name": "job-1"}
    tree(base, _as_framework({**TINY_FAIRMOT, **program}))
    for name in ("model", "output/data"):
        (base / name).mkdir(parents=True)
    done = aws_tools.toolkit_train(base)
    assert done.returncode == 0, done.stdout + done.stderr
    return base, done.stdout + done.stderr


def test_the_toolkit_trains_fairmot_by_its_published_names(trained: tuple[Path, str]) -> None:
    base, log = trained
    found = metrics(log, definitions("fairmot"))
    assert {len(found[name]) for name in ("train_loss", "train_id_loss", "val_loss", "val_hm_loss", "ap")} == {2}
    assert found["train_loss"][1] < found["train_loss"][0]
    assert "Reporting training SUCCESS" in log
    assert not (base / "output/failure").exists()


def test_its_artefact_is_served(trained: tuple[Path, str], tmp_path: Path) -> None:
    """Packed as SageMaker packs it, unpacked as it does, and asked as FairMOT's client asks."""
    base, _ = trained
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as packed:
        packed.add(base / "model", ".")
    (tmp_path / "ml/model").mkdir(parents=True)
    with tarfile.open(tmp_path / "model.tar.gz") as packed:
        packed.extractall(tmp_path / "ml/model", filter="data")
    picture = next((base / "input/data/train/walk/MOT/images").rglob("*.png")).read_bytes()
    with hosted(tmp_path / "ml") as server:
        answer = invoke(server, picture)
        assert answer.status == 200, answer.body
        assert answer.json["width"], answer.json["height"]
        frame = {"frame_id": 0, "frame_data": base64.b64encode(picture).decode(), "frame_w": 96, "frame_h": 64}
        tracked = invoke(server, {**frame, "batch_size": 1})
        assert tracked.status == 200, tracked.body
        assert isinstance(tracked.json, list)


def test_what_fails_under_the_toolkit_is_a_failure(tmp_path: Path) -> None:
    """Called as the toolkit's training module; its own word for it is kept away by ours."""
    walkers_channel(tmp_path)
    tree(tmp_path, {**TINY_FAIRMOT, "num_epoch": "3"})
    for name in ("model", "output/data"):
        (tmp_path / name).mkdir(parents=True)
    done = aws_tools.toolkit_train(tmp_path, SAGEMAKER_TRAINING_MODULE="trackforge_sagemaker.training:toolkit_main")
    assert done.returncode == 1, done.stdout + done.stderr
    assert (tmp_path / "output/failure").read_text().startswith("ConfigError: Every hyperparameter must be one")
    assert "did you mean 'num_epochs'?" in (tmp_path / "output/failure").read_text()


@pytest.fixture(scope="module")
def squares_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squares_channel(tmp_path_factory.mktemp("set"))


def test_the_drivers_of_sdk_v3_train_in_two_processes(squares_set: Path, tmp_path: Path) -> None:
    """ModelTrainer's own scripts in a container's place, with torchrun and gloo; each process reads the job."""
    aws_tools.need("sagemaker.train", "moto", namespaces=True)
    sent = {**TINY, "max_epoch": 2, "print_interval": 1, "fp16": False, "trainer__flip": 0.5}
    base = tmp_path / "ml"
    words = aws_tools.model_trainer(
        base, _source(tmp_path / "source"), "train.py", processes=2, hyperparameters=sent,
        channels={"train": squares_set},
    )  # fmt: skip
    done = subprocess.run(
        aws_tools.as_opt_ml(base, words, first=True),
        env=aws_tools.environment(**aws_tools.JOB),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert "torchrun --nnodes=1 --nproc_per_node=2" in log
    assert "Training Container Execution Completed" in log
    found = metrics(log, definitions("yolox"))
    assert len(found["total_loss"]) == 4  # of the first process alone
    held = torch.load(base / "model/model.pth", weights_only=True)
    assert held["training"]["settings"]["devices"] == 2
    assert (base / "model/code/inference.py").is_file()
    assert not list((base / "output").glob(".trackforge-*"))
