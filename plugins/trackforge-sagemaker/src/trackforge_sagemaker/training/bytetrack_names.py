"""The hyperparameters of ByteTrack's training jobs: an experiment file of YOLOX, setting by setting.

Where a name of theirs is sent and nobody says which recipe, it is ByteTrack's. ``batch_size`` is that of all GPUs
together, as YOLOX's ``-b``, and the learning rate is per picture, so neither depends on how many there are.

Source: ifzhang/ByteTrack (MIT) and Megvii-BaseDetection/YOLOX (Apache-2.0), experiment files; the jobs that are
published with the former for SageMaker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trackforge.errors import ConfigError
from trackforge_sagemaker.hyperparameters import Hyperparameter
from trackforge_sagemaker.training.names import Said, Vocabulary, number, numbers, truth

__all__ = ["BYTETRACK", "SCALES"]

SCALES: Mapping[tuple[float, float], str] = {
    (0.33, 0.25): "nano",
    (0.33, 0.375): "tiny",
    (0.33, 0.5): "s",
    (0.67, 0.75): "m",
    (1.0, 1.0): "l",
    (1.33, 1.25): "x",
}
"""Depth and width of the published networks."""
SIZE = (800, 1440)
STEP = 32
"""Pixels of a step of input sizes."""


def _combine(sent: Mapping[str, Hyperparameter], said: Said, in_use: Callable[[int | None], int]) -> None:  # noqa: ARG001
    if BYTETRACK.marks & sent.keys():
        said.places["trainer.recipe"] = "bytetrack"
    scale = [number(sent[name]) for name in ("depth", "width") if name in sent]
    if scale:
        named = SCALES.get((scale[0], scale[1])) if len(scale) == 2 else None
        if named is None:
            known = ", ".join(f"{depth:g} and {width:g} ({name})" for (depth, width), name in SCALES.items())
            raise ConfigError(
                f"Hyperparameters depth and width must be those of a published network, {known}; got "
                f"{' and '.join(f'{one:g}' for one in scale)}."
            )
        said.places["trainer.variant"] = f"bytetrack-{named}"
    size = numbers(sent, "input_size_h", "input_size_w")
    tested = numbers(sent, "test_size_h", "test_size_w")
    if size is not None:
        said.places["trainer.size"] = size
    if tested is not None and tested != (size or SIZE):
        said.notes.append("test_size_h and test_size_w mean nothing here: validation is at the size of training.")
    drawn = numbers(sent, "random_size_h", "random_size_w")
    if drawn is not None:
        middle = (size or SIZE)[0] // STEP
        said.places["trainer.size_steps"] = (drawn[0] - middle, drawn[1] - middle)
    if "basic_lr_per_img" in sent:
        said.places["trainer.learning_rate"] = number(sent["basic_lr_per_img"])
    if "fp16" in sent and truth(sent["fp16"]):
        said.places["train.precision"] = "fp16"
    if "pretrained_model" in sent:
        said.weights = str(sent["pretrained_model"].text)


BYTETRACK = Vocabulary(
    trainer="yolox",
    title="ByteTrack",
    places={
        "batch_size": "train.batch_size",
        "max_epoch": "train.epochs",
        "print_interval": "train.log_every",
        "eval_interval": "train.validate_every",
        "val_intervals": "train.validate_every",
        "no_aug_epochs": "train.plain_epochs",
        "warmup_epochs": "trainer.warmup",
        "data_num_workers": "train.workers",
        "test_conf": "trainer.validate_score",
        "nmsthre": "trainer.validate_nms",
        "seed": "train.seed",
    },
    marks=frozenset(
        {
            "pretrained_model", "depth", "width", "input_size_h", "input_size_w", "test_size_h", "test_size_w",
            "random_size_h", "random_size_w", "max_epoch", "print_interval", "eval_interval", "test_conf", "nmsthre",
            "basic_lr_per_img", "no_aug_epochs", "warmup_epochs", "occupy",
        }
    ),
    ignored={
        "occupy": "memory of a GPU is taken when it is needed",
        "num_classes": "there are as many classes as the data have",
        "infer_device": "training finds its devices by itself",
    },
    combined={
        "depth": "trainer.variant", "width": "trainer.variant", "input_size_h": "trainer.size",
        "input_size_w": "trainer.size", "test_size_h": "test_size", "test_size_w": "test_size",
        "random_size_h": "trainer.size_steps", "random_size_w": "trainer.size_steps",
        "basic_lr_per_img": "trainer.learning_rate", "fp16": "train.precision", "pretrained_model": "weights",
    },
    combine=_combine,
)  # fmt: skip
"""ByteTrack's."""
