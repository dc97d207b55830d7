"""The hyperparameters of FairMOT's training jobs, by the names of the official code's options.

As in the published job, ``lr`` and ``batch_size`` are those of one GPU: they are multiplied by the GPUs in use.

Source: ifzhang/FairMOT (MIT), its options; the jobs that are published with it for SageMaker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trackforge.errors import ConfigError
from trackforge_sagemaker.hyperparameters import Hyperparameter
from trackforge_sagemaker.training.names import Said, Vocabulary, number, numbers, whole

__all__ = ["FAIRMOT"]

LR, LR_SMALL, BATCH = 1e-4, 5e-4, 12
"""Of one GPU, where nobody says; the second with YOLOv5's body."""
CPU = "-1"


def _combine(sent: Mapping[str, Hyperparameter], said: Said, in_use: Callable[[int | None], int]) -> None:
    said.ids, said.gpus = _gpus(sent.get("gpus"))
    gpus = in_use(said.gpus)
    scaled = gpus > 1 and bool(FAIRMOT.marks & sent.keys())
    size = numbers(sent, "input_h", "input_w")
    if size is not None:
        said.places["trainer.size"] = size
    loss = str(sent["reg_loss"].text) if "reg_loss" in sent else "l1"
    if loss != "l1":
        raise ConfigError(f"Hyperparameter reg_loss must be l1, which boxes are trained with here; got {loss!r:.80}.")
    if "lr" in sent or scaled:
        small = "arch" in sent and str(sent["arch"].text).startswith("yolo")
        said.places["trainer.lr"] = (number(sent["lr"]) if "lr" in sent else LR_SMALL if small else LR) * gpus
    if "batch_size" in sent or scaled:
        said.places["train.batch_size"] = (whole(sent["batch_size"]) if "batch_size" in sent else BATCH) * gpus
    if gpus > 1 and (scaled or {"lr", "batch_size"} & sent.keys()):
        said.notes.append(f"lr and batch_size are those of one GPU: they are multiplied by {gpus}.")
    if "load_model" in sent:
        said.weights = str(sent["load_model"].text)
    if "data_name" in sent:
        said.data = str(sent["data_name"].text)


def _gpus(given: Hyperparameter | None) -> tuple[tuple[str, ...], int | None]:
    """Return which GPUs are asked for, and how many: ``0,1,3`` are names, 4 alone is how many, 0 the first, -1 none."""
    if given is None:
        return (), None
    many = given.value if isinstance(given.value, (list, tuple)) else str(given.text).split(",")
    names = tuple(str(one).strip() for one in many if str(one).strip())
    if names == (CPU,):
        return (), 0
    if not names or not all(one.isdecimal() for one in names) or len(set(names)) < len(names):
        raise ConfigError(f"Hyperparameter gpus must be numbers of GPUs, 0,1,2, or how many; got {given.text!r:.80}.")
    return ((), max(int(names[0]), 1)) if len(names) == 1 else (names, len(names))


FAIRMOT = Vocabulary(
    trainer="fairmot",
    title="FairMOT",
    places={
        "arch": "trainer.variant",
        "lr_step": "trainer.lr_step",
        "num_epochs": "train.epochs",
        "val_intervals": "train.validate_every",
        "batch_size_val": "train.validate_batch",
        "num_workers": "train.workers",
        "seed": "train.seed",
        "hm_weight": "trainer.hm_weight",
        "off_weight": "trainer.off_weight",
        "wh_weight": "trainer.wh_weight",
        "id_loss": "trainer.id_loss",
        "id_weight": "trainer.id_weight",
        "multi_loss": "trainer.multi_loss",
        "reid_dim": "trainer.reid_dim",
        "ltrb": "trainer.ltrb",
        "K": "trainer.max_objects",
        "half_val": "half_val",
    },
    marks=frozenset(
        {
            "data_name", "load_model", "arch", "input_h", "input_w", "num_epochs", "batch_size_val", "num_workers_val",
            "reg_loss", "hm_weight", "off_weight", "wh_weight", "id_loss", "id_weight", "reid_dim", "K",
        }
    ),
    ignored={
        "num_workers_val": "validation has as many workers as training (num_workers)",
        "task": "there is one task",
        "exp_id": "the job has a name",
        "save_all": "checkpoints of all epochs are not kept",
        "print_iter": "train.log_every says how often losses are written down",
        "master_batch_size": "every GPU has an equal share of the batch",
        "not_cuda_benchmark": "torch decides",
    },
    combined={
        "input_h": "trainer.size", "input_w": "trainer.size", "reg_loss": "reg_loss", "lr": "trainer.lr",
        "batch_size": "train.batch_size", "load_model": "weights", "data_name": "data", "gpus": "train.devices",
    },
    combine=_combine,
)  # fmt: skip
"""FairMOT's."""
