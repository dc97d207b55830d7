"""The hyperparameters of SageMaker's built-in Object Detection: the SSD trainer has them by these names already.

Source: Amazon SageMaker AI Developer Guide, "Object Detection Hyperparameters".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trackforge_sagemaker.hyperparameters import Hyperparameter
from trackforge_sagemaker.training.names import Said, Vocabulary

__all__ = ["OBJECT_DETECTION"]

NAMES = (
    "base_network", "use_pretrained_model", "num_classes", "num_training_samples", "mini_batch_size", "epochs",
    "learning_rate", "lr_scheduler_step", "lr_scheduler_factor", "optimizer", "momentum", "weight_decay",
    "overlap_threshold", "nms_threshold", "image_shape", "label_width", "freeze_layer_pattern", "kv_store",
    "early_stopping", "early_stopping_min_epochs", "early_stopping_patience", "early_stopping_tolerance",
)  # fmt: skip
COMMON = ("num_classes", "epochs", "learning_rate", "optimizer", "momentum", "weight_decay")
"""Names that other trainings have as well."""


def _combine(sent: Mapping[str, Hyperparameter], said: Said, in_use: Callable[[int | None], int]) -> None:  # noqa: ARG001
    said.places["trainer.algorithm_log"] = True


OBJECT_DETECTION = Vocabulary(
    trainer="ssd",
    title="the built-in Object Detection",
    places={name: f"trainer.{name}" for name in NAMES},
    marks=frozenset(NAMES) - frozenset(COMMON),
    ignored={"nms_topk": "as many boxes are compared as the network's card says"},
    combined={},
    combine=_combine,
)
"""Its own; what begins with an underscore never gets here."""
