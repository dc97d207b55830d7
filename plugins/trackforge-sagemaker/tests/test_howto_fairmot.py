"""docs/howto-fairmot.md from its first command to its last, with containers' processes behind moto."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from cloud_machines import Machines, docker
from doc_blocks import ROOT
from films import film
from page_run import Page

from trackforge_sagemaker.metrics import definitions

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
SMALLER = {
    "num_epochs": "1", "trainer__variant": "fairmot-yolov5n", "trainer__size": "64,96", "train__batch_size": "4",
    "train__workers": "0", "train__tensorboard": "false", "train__validate_start": "false",
    "detector__score": "0", "tracker__conf_thres": "0",
}  # fmt: skip
"""A network and a training that take seconds; what it finds after these is low in score."""
LOSSES = ("loss", "hm_loss", "wh_loss", "off_loss", "id_loss")
"""That the page says SageMaker reads from the log."""


def _benchmark(cache: Path, name: str, sequence: str) -> None:
    """Put what would be fetched where it is kept: a benchmark of one sequence of a few small frames."""
    from fairmot_run import walkers

    from trackforge import data

    folder = cache / "made" / name
    data.write(walkers(cache / "raw" / name, name=sequence), folder, "mot", images="copy")
    (cache / "sets").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(cache / "sets" / f"{name}.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{name}/train/{path.relative_to(folder).as_posix()}")


def test_the_recipe_from_start_to_clean_up(tmp_path, monkeypatch):
    pytest.importorskip("trackforge_fairmot")
    from fairmot_run import walkers

    from trackforge import data

    cache = tmp_path / "cache"
    _benchmark(cache, "MOT17", "MOT17-02-FRCNN")
    _benchmark(cache, "MOT20", "MOT20-01")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    pictures = [one.image for one in data.Samples(walkers(tmp_path / "film", count=10))]
    film(tmp_path / "here/street.mp4", pictures, rate=10)
    page = Page(ROOT / "docs" / "howto-fairmot.md", Path(__file__).name, monkeypatch)
    with Machines(tmp_path / "machines", smaller=lambda values: SMALLER) as machines:
        for name, value in {
            **machines.variables_of_a_client(),
            "TRACKFORGE_CACHE": str(cache),
            "TRACKFORGE_SAGEMAKER_DEPLOY_INSTANCE": "ml.g4dn.xlarge",  # moto knows no g5 for endpoints
            "PATH": docker(tmp_path / "docker"),
        }.items():
            monkeypatch.setenv(name, value)
        machines.watch(page.run)
        assert machines.sagemaker.list_endpoints()["Endpoints"] == []
        assert machines.bucket_names() == []
    assert set(json.loads(page.printed("trackforge sagemaker setup --print-policies"))) >= {"role", "person"}
    assert "ml.p3.16xlarge is retired; ml.g5.48xlarge" in page.printed("trackforge sagemaker setup --instances")
    assert "val_loss" in page.printed("trackforge sagemaker logs")
    tried = [values for name, values in machines.trained.items() if name.startswith(page.kept["tuning"])]
    best = machines.trained[page.kept["best"]]
    assert (len(tried), best["whole"], machines.trained[page.kept["half"]]["half_val"]) == (2, "true", "1")
    assert (best["lr"], best["id_loss"]) in {(one["lr"], one["id_loss"]) for one in tried}
    losses = {f"{part}_{name}" for part in ("train", "val") for name in LOSSES}
    assert losses | {"ap", "hota"} <= {one["Name"] for one in definitions("fairmot")}
    here = tmp_path / "here"
    assert len((here / "live/street.txt").read_text().splitlines()) > 3
    for path in ("live/street.mp4", "test.mp4", "batch/street.mp4"):
        assert (here / path).stat().st_size > 1000
    (live,) = [said for place, said in page.said if place.startswith("docs/")]
    assert " km/h " in live
    assert " ± " in live
    said = (tmp_path / "docker/said").read_text()
    assert "push 123456789012.dkr.ecr.us-east-1.amazonaws.com/street:gpu" in said
