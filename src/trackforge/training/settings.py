"""What belongs to a training run whatever is trained: the table ``train`` of settings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from trackforge.config import build, check, setting

if TYPE_CHECKING:
    from trackforge.training.recipe import Recipe

__all__ = ["FitSettings", "settings_for"]


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Settings of `fit`; a recipe may have other defaults for them than stand here."""

    epochs: int = setting(100, help="Passes over the training set.", unit="epochs", minimum=1)
    plain_epochs: int = setting(
        0, help="Last epochs, without strong augmentation (YOLOX: no_aug).", unit="epochs", minimum=0
    )
    batch_size: int = setting(
        16, help="Pictures that one step sees, over all devices and accumulated pieces.", unit="pictures", minimum=1
    )
    accumulate: int = setting(1, help="Pieces that each device's share of a step is done in.", minimum=1)
    seed: int = setting(0, help="Of weights, order and augmentation; one seed, one result.", minimum=0)
    workers: int = setting(2, help="Processes of each device that prepare pictures; 0: none of their own.", minimum=0)
    precision: Literal["32", "bf16", "fp16"] = setting("32", help="Of the arithmetic; weights are kept in 32 bits.")
    clip: float = setting(0.0, help="Greatest norm of all gradients together; 0: not limited.", minimum=0)
    accelerator: Literal["auto", "cpu", "gpu"] = setting("auto", help="What to train on.")
    devices: int | None = setting(None, help="Devices of each machine; all (CPU: one), where none.", minimum=1)
    nodes: int = setting(1, help="Machines; start the same command on each.", minimum=1)
    strategy: str = setting("auto", help="How Lightning spreads the work, e.g. ddp; auto: ddp where it is needed.")
    sync_batch_norm: bool = setting(True, help="Batch norm over the pictures of all devices.")
    deterministic: bool = setting(False, help="On GPUs too, only operations that give the same bits each time.")
    ema_decay: float = setting(
        0.9998, help="Of the moving average of weights, which is what is kept; 0: none.", minimum=0, maximum=0.999999
    )
    ema_ramp: float = setting(2000.0, help="Steps over which that decay rises.", unit="steps", minimum=1)
    validate_every: int = setting(1, help="Epochs from one validation to the next.", unit="epochs", minimum=1)
    validate_batch: int = setting(8, help="Pictures at a time in validation.", unit="pictures", minimum=1)
    validate_start: bool = setting(
        True, help="Score the starting weights too, as epoch 0; costs one validation, shows a run that made them worse."
    )
    validate_losses: bool = setting(
        False, help="Compute losses on the validation set too, val_loss and its terms, where the recipe can."
    )
    monitor: str = setting(
        "ap", help="Score or loss that tells the best checkpoint: ap, ap50, hota, loss, val_loss, ..."
    )
    patience: int = setting(0, help="Validations without a better score before stopping early; 0: never.", minimum=0)
    min_epochs: int = setting(0, help="Epochs before which patience stops nothing.", unit="epochs", minimum=0)
    tolerance: float = setting(
        0.0, help="Share of the best score that a better one must gain to count for patience.", minimum=0, below=1
    )
    tracker: str = setting("", help="Tracker to score validation sequences with, e.g. byte; empty: boxes only.")
    checkpoint_steps: int = setting(
        0, help="Steps from one checkpoint to the next within an epoch; 0: at its end only.", unit="steps", minimum=0
    )
    max_steps: int = setting(0, help="Stop after so many steps in all; 0: after the epochs.", unit="steps", minimum=0)
    log_every: int = setting(10, help="Steps from one line of losses.csv to the next.", unit="steps", minimum=1)
    tensorboard: bool = setting(True, help="Write TensorBoard logs too, where it is installed.")
    progress: bool = setting(False, help="Show a progress bar.")

    def __post_init__(self) -> None:
        check(self)


def settings_for(recipe: Recipe, **given: Any) -> FitSettings:
    """Return the settings that a recipe was published with, with some of them changed.

    Where a recipe ends with epochs without strong augmentation and only the number of epochs is given, these keep their
    share of the run.

    Raises:
        ConfigError: A setting is unknown, of the wrong type or out of range.
    """
    published = build(FitSettings, recipe.defaults)
    settings = build(FitSettings, {**recipe.defaults, **given})
    if "plain_epochs" in given or settings.epochs == published.epochs:
        return settings
    share = round(published.plain_epochs * settings.epochs / published.epochs)
    return dataclasses.replace(settings, plain_epochs=min(share, settings.epochs))
