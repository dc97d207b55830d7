"""docs/howto-bytetrack.md from its first command to its last, with containers' processes behind moto."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cloud_machines import Machines, docker
from doc_blocks import ROOT
from page_run import Page
from streets import street

from trackforge.cli import main

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
SMALLER = {
    "trainer__variant": "yolox-nano", "trainer__weights": "random", "trainer__size": "64,96", "trainer__warmup": "0",
    "trainer__mosaic": "0", "trainer__mixup": "0", "train__epochs": "1", "train__validate_every": "100",
    "train__batch_size": "4", "train__workers": "0", "train__tensorboard": "false", "train__validate_start": "false",
    "trainer__size_steps": "0,0", "train__plain_epochs": "0", "tracker__track_thresh": "-0.1", "tracker__mot20": "true",
    "detector__score": "0",
}  # fmt: skip
"""A network and a training that take seconds; after these all that it finds is low in score, and tracked here."""
FRAMES = 12


def _labelled(folder: Path) -> None:
    """Write what people made of the job's frames, as Ground Truth lays it out: two clips of a film."""
    from trackforge import data
    from trackforge.data import Boxes, Dataset, Images

    frames = sorted((folder / "job/frames").rglob("*.jpg"))
    count = len(frames)
    lefts = [(2 * k, 50 - 3 * k, 100 + k) for k in range(count)]
    boxes = [(x, y, x + 14, y + 24) for three in lefts for x, y in zip(three, (15, 45, 80), strict=True)]
    labels = Dataset(
        images=Images(
            path=[str(one.relative_to(folder)) for one in frames], width=[160] * count,
            height=[120] * count, sequence=[one.parent.name for one in frames],
            frame=[int(one.stem) - 1 for one in frames],
        ),
        boxes=Boxes(image=np.repeat(np.arange(count), 3), xyxy=boxes, track_id=[1, 2, 3] * count),
        classes=("person", "car"), root=folder, name="street",
    )  # fmt: skip
    data.write(labels, folder / "labelled", "ground-truth", images="copy")


def test_the_recipe_from_start_to_clean_up(tmp_path, monkeypatch):
    pytest.importorskip("trackforge_yolox")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    street(here / "street.mp4", FRAMES)

    def before(words: list[str]) -> None:
        if words[:3] == ["data", "check", "labelled"]:
            _labelled(here)

    page = Page(ROOT / "docs" / "howto-bytetrack.md", Path(__file__).name, monkeypatch, before)
    with Machines(tmp_path / "machines", smaller=lambda values: SMALLER) as machines:
        for name, value in {
            **machines.variables_of_a_client(),
            "TRACKFORGE_CACHE": str(tmp_path / "cache"),
            "TRACKFORGE_SAGEMAKER_DEPLOY_INSTANCE": "ml.g4dn.xlarge",  # moto knows no g5 for endpoints
            "PATH": docker(tmp_path / "docker"),
        }.items():
            monkeypatch.setenv(name, value)
        machines.watch(page.run)
        assert machines.sagemaker.list_endpoints()["Endpoints"] == []
        assert machines.bucket_names() == []
    asked = [one for one in page.said if one[0].startswith("trackforge sagemaker label")]
    assert [command.split()[3] for command, _ in asked] == ["annotators", "job", "$job", "$job"]
    assert all('"operation": "create_labeling_job"' in said for command, said in asked if "label job" in command)
    assert len(list((here / "mot17").rglob("img1/*"))) == len(list((here / "coco").rglob("*.jpg"))) == FRAMES
    tried = [values for name, values in machines.trained.items() if name.startswith(page.kept["tuning"])]
    best = machines.trained[page.kept["best"]]
    assert (len(tried), best["whole"], best["tracker"]) == (2, "true", "bytetrack")
    assert best["learning_rate"] in {one["learning_rate"] for one in tried}
    assert "total_loss" in page.printed("trackforge sagemaker logs")
    chosen = [said.split()[1] for command, said in page.said if command.startswith("trackforge sagemaker choose")]
    assert chosen == ["real-time:", "asynchronous:", "processing:"]
    # One model, by three ways: the endpoint's queue with a word of SNS's, the same asked for by us, the job.
    assert rows(here / "asked/street.txt") == rows(here / "told.txt") == rows(here / "batch/street.txt")
    assert rows(here / "batch/street.txt")
    assert main(["sagemaker", "choose", "film", "--way", "batch-transform", "-q"]) == 2
    for path in ("live/street.mp4", "tracked.mp4", "asked/street.mp4", "batch/street.mp4"):
        assert (here / path).stat().st_size > 1000


def rows(path: Path) -> list[tuple[float, ...]]:
    return sorted(tuple(round(float(x), 1) for x in line.split(",")[:6]) for line in path.read_text().splitlines())
