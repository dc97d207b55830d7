"""What a training leaves: the model folder, and the output folder with what people look at."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import trackforge
from trackforge.errors import SinkError
from trackforge.io.atomic import atomic_path
from trackforge_sagemaker import model_dir
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.training.job import Job

__all__ = ["KEPT", "clear_partials", "lay_out"]

KEPT = ("run.toml", "summary.json", "epochs.csv", "losses.csv", "training.png", "predictions.jpg")
"""Files of a run that are for people."""


def lay_out(there: OptMl, job: Job, run: Path, model: Path) -> None:
    """Put the model and the files for people where SageMaker fetches them.

    Args:
        there: Where that is.
        job: What was trained.
        run: The folder of the run.
        model: What came of it.

    Raises:
        SinkError: A place cannot be written to, or is full.
        WeightsError, MissingDependencyError: The model cannot be exported.
    """
    tables: dict[str, Any] = {name: job.serving.get(name) for name in ("detector", "tracker", "serve")}
    if job.ours.artefact == "onnx":
        with tempfile.TemporaryDirectory(dir=there.root) as folder:
            exported = trackforge.export(model, output=Path(folder) / "model.onnx")
            model_dir.write(there.model, exported, **tables)
    else:
        model_dir.write(there.model, model, **tables)
    for name in KEPT:
        if (run / name).is_file():
            with atomic_path(there.output_data / name) as partial:
                shutil.copyfile(run / name, partial)
    if (run / "tensorboard").is_dir():
        try:
            shutil.copytree(run / "tensorboard", there.output_data / "tensorboard", dirs_exist_ok=True)
        except OSError as error:
            raise SinkError(f"{there.output_data} cannot be written: {error}. Give the job more room.") from error


def clear_partials(folder: Path) -> list[Path]:
    """Remove files that a killed run was writing, which the platform may have kept with the checkpoints."""
    found = [file for file in folder.rglob("*.partial-*") if file.is_file()] if folder.is_dir() else []
    for file in found:
        file.unlink(missing_ok=True)
    return found
