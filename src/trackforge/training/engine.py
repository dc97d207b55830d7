"""Lightning's trainer, set up as the settings say."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trackforge.errors import ConfigError, DeviceError, MissingDependencyError
from trackforge.io.owned import owned
from trackforge.training.settings import FitSettings

__all__ = ["Engine", "alone", "quietly", "seed_all"]

NEEDLESS = (
    r".*treespec.*LeafSpec.*",  # Lightning 2.6 uses what torch 2.13 calls old
    r"Found \d+ module\(s\) in eval mode.*",  # fit calls train() on the whole; what stays is frozen by the recipe
)
"""Beginnings of warnings that nobody who trains could act upon, each with its reason."""
PRECISION = {"32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Engine:
    """Devices and precision, checked before anything is loaded onto them.

    Attributes:
        on_gpu: Whether CUDA devices are used.
        world_size: Processes in all.
        first: Whether this is the first of them.
    """

    def __init__(self, settings: FitSettings, out: Path) -> None:
        self._lightning = _lightning()
        import torch

        cuda = torch.cuda.is_available()
        if settings.accelerator == "gpu" and not cuda and not torch.backends.mps.is_available():
            raise DeviceError("train.accelerator=gpu needs a GPU; there is none that torch can use. Try cpu or auto.")
        self.on_gpu = settings.accelerator != "cpu" and cuda
        if settings.precision == "fp16" and not self.on_gpu:
            raise ConfigError("train.precision=fp16 needs a GPU; there is none in use. Try bf16, or 32.")
        self._settings, self._out = settings, out
        devices: Any = settings.devices if settings.devices is not None else ("auto" if self.on_gpu else 1)
        count = devices if isinstance(devices, int) else max(torch.cuda.device_count(), 1)
        self._devices = devices
        self.first = _rank(settings.nodes) == 0
        self.world_size = count * settings.nodes

    def trainer(self, callbacks: Sequence[Any], header: Mapping[str, Any]) -> Any:
        """Make Lightning's trainer; ``header`` is what a checkpoint to resume from must say of its run."""
        from trackforge.training.checkpoints import AtomicCheckpointIO

        settings = self._settings
        strategy = settings.strategy
        if strategy == "auto" and self.world_size > 1:
            strategy = "ddp"
        bar = [self._lightning.callbacks.RichProgressBar(leave=False)] if settings.progress else []
        return self._lightning.Trainer(
            accelerator="cpu" if not self.on_gpu and settings.accelerator == "cpu" else settings.accelerator,
            devices=self._devices,
            num_nodes=settings.nodes,
            strategy=strategy,
            precision=PRECISION[settings.precision],
            max_epochs=settings.epochs,
            max_steps=settings.max_steps or -1,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip or None,
            deterministic=settings.deterministic or None,
            callbacks=[*callbacks, *bar],
            logger=False,
            limit_val_batches=0,
            plugins=[AtomicCheckpointIO(header)],
            enable_checkpointing=False,
            use_distributed_sampler=False,
            enable_progress_bar=settings.progress,
            enable_model_summary=False,
            default_root_dir=str(self._out),
        )


def _lightning() -> Any:
    try:
        import lightning.pytorch as lightning
    except ImportError as error:
        raise MissingDependencyError(
            "Training needs torch and lightning, which are not installed; run: pip install 'trackforge-mot[train]'",
            name="lightning",
        ) from error
    return lightning


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep Lightning's advertisements and its remarks on choices made here on purpose from the user."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in NEEDLESS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _rank(nodes: int) -> int:
    """Return the number of this process; of another machine's first one, before its trainer is made, any but 0."""
    known: Any = importlib.import_module("lightning.pytorch.utilities.rank_zero")
    machine = os.environ.get("NODE_RANK", os.environ.get("GROUP_RANK", "0")) if nodes > 1 else "0"
    return int(known.rank_zero_only.rank) or int(machine)


def seed_all(seed: int) -> None:
    """Seed everything that a model's first weights may be drawn from."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for libraries that use the global generator
    torch.manual_seed(seed)


@contextlib.contextmanager
def alone(out: Path, *, first: bool) -> Iterator[None]:
    """Hold the folder of the run, in the first of its processes: two runs in one folder would mix their files.

    Raises:
        ConfigError: Another process trains there.
    """
    if not first:
        yield
        return
    with owned(out / ".owner", "A folder is for one training run at a time"):
        yield
