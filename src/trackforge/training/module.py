"""The LightningModule that plugins subclass: they write the losses, core does the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trackforge.errors import InvalidInputError, TrainingError
from trackforge.training.batch_norm import synchronise
from trackforge.training.checkpoints import ADVICE
from trackforge.training.losses import Losses
from trackforge.training.normalising import Reduced, Window
from trackforge.training.plan import Plan
from trackforge.training.schedules import Schedule, WarmupCosine
from trackforge.types import Detections

__all__ = ["TrainingModule"]


class TrainingModule(pl.LightningModule):
    """A model in training.

    A subclass makes ``self.model`` in its constructor: the network whose weights are averaged, validated and kept. What
    serves training only (FairMOT's identity classifier, learned loss weights) are further submodules and parameters of
    the subclass; they are optimised and saved in checkpoints as well.

    Random numbers: before each micro-batch torch is seeded with (seed, step, process), so dropout and the like are the
    same after a resume without saving any generator's state.

    Args:
        plan: The run.
        model: The network.

    Attributes:
        terms: Names of the losses, if they are to be monitored one by one.
        other_names: What else ``train.monitor`` may call them, and which is meant.
        plan: The run.
        model: The network.
        reduced: Losses of the last step, over the global batch.
    """

    terms: Sequence[str] = ()
    other_names: Mapping[str, str] = MappingProxyType({})

    def __init__(self, plan: Plan, model: nn.Module) -> None:
        super().__init__()
        self.plan = plan
        self.model = model
        self.window = Window()
        self.reduced: Reduced | None = None
        self.stop_asked = False
        """Whether this process wants to stop; all processes agree on it once a step."""
        self.stop_agreed = False

    # ---- to be written by plugins

    @abstractmethod
    def compute_losses(self, batch: Any) -> Losses:
        """Return the losses of a micro-batch as sums; ``self.plain`` tells of the last epochs."""

    @abstractmethod
    def detect(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """Find objects, for validation; the model is in eval mode, with the averaged weights, without gradients.

        Args:
            images: RGB uint8 ``(H, W, 3)`` each, as they are on disk.

        Returns:
            Boxes in pixels of the given pictures; low scores included, since AP needs them.
        """

    @abstractmethod
    def bundle(self) -> dict[str, Any]:
        """Return what the detector reads from one file: weights, preprocessing, classes; tensors and plain values.

        Core adds ``"training"``: where the weights come from. Called with the averaged weights in place.
        """

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups for the optimiser, each with ``params`` and ``lr``; all parameters at .01 by default."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": 0.01}]

    def make_optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Return the optimiser; SGD with Nesterov's momentum .9 by default."""
        return torch.optim.SGD(groups, momentum=0.9, nesterov=True)

    def make_schedule(self) -> Schedule:
        """Return the schedule of the learning rate; YOLOX's by default."""
        return WarmupCosine(flat=self.plan.plain_epochs)

    def epoch_ended(self, row: Mapping[str, float]) -> None:
        """Look at the losses and scores of an epoch (0: the start), after it was written down; on the first process."""

    # ---- what plugins may ask

    @property
    def plain(self) -> bool:
        """Whether this epoch is one of the last, without strong augmentation; right after a resume too."""
        return self.plan.is_plain(self.global_step // self.plan.steps_per_epoch)

    # ---- what core calls

    def prepare(self, world_size: int, *, sync: bool, native: bool) -> None:
        """Group the parameters, then make batch norm look at all processes; the parameters stay the same objects."""
        self._groups = self.parameter_groups()
        if sync and world_size > 1:
            self.model = synchronise(self.model, native=native)

    # ---- Lightning's hooks

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make optimiser and schedule."""
        self.schedule = self.make_schedule()
        optimizer = self.make_optimizer(self._groups)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self._set_rate(optimizer, 0)
        return optimizer

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Set the learning rate and the random numbers of the step."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        self._set_rate(optimizer, self.global_step)
        entropy = [self.plan.seed, self.global_step, batch_idx, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1)))

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss that gives the gradient of the global batch."""
        pieces = self.trainer.accumulate_grad_batches
        losses = self.compute_losses(batch)
        if self.terms and set(self.terms) != set(losses.sums):
            raise InvalidInputError(
                f"The losses must be those that the module names in `terms`, {', '.join(self.terms)}; compute_losses "
                f"gave {', '.join(losses.sums)}. Make them agree."
            )
        total, reduced, stop = self.window.add(losses, piece=batch_idx % pieces, pieces=pieces, stop=self.stop_asked)
        self.stop_agreed = self.stop_agreed or stop
        if reduced.broken:
            self._refuse(batch, reduced)
        self.reduced = reduced
        return total

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Correct the gradients of accumulated pieces to the normaliser of all of them."""
        factor = self.window.correction()
        if factor != 1.0:
            gradients = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
            torch._foreach_mul_(gradients, factor)

    def _set_rate(self, optimizer: Any, step: int) -> None:
        factor = self.schedule.factor(step, self.plan.steps_per_epoch, self.plan.epochs)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def _refuse(self, batch: Any, reduced: Reduced) -> NoReturn:
        values = ", ".join(f"{name} {value:g}" for name, value in reduced.terms.items())
        rows = list(getattr(batch, "index", ()))
        paths = [str(self.plan.dataset.image_path(int(row)) or f"image {row}") for row in rows]
        where = f"pictures {', '.join(paths)}" if reduced.broken_here else "pictures of another process"
        raise TrainingError(
            f"The loss must be finite; in step {self.global_step} (epoch {self.current_epoch}) it is {reduced.total:g} "
            f"({values}), with {where}. The last checkpoint is intact. Check these labels. {ADVICE}"
        )
