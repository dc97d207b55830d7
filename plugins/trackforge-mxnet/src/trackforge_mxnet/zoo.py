"""The component `gluoncv`: any network of GluonCV's zoo as a detector, run by real MXNet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import ConfigError, WeightsError, did_you_mean
from trackforge.intake.showing import visible
from trackforge.models import ModelCard, Objects, Preprocessing, StagedNetwork, class_ids
from trackforge_mxnet.backend import PictureBackend
from trackforge_mxnet.pictures import KINDS, Pictures
from trackforge_mxnet.real import load_gluoncv, load_mxnet
from trackforge_mxnet.selection import Selection

__all__ = ["GluoncvDetector", "GluoncvDetectorConfig"]

DETECTORS = ("ssd", "yolo3", "faster_rcnn", "mask_rcnn", "doublehead_rcnn", "center_net")
_SIDE = re.compile(r"_(300|320|416|512|608)_")


@dataclass(frozen=True, kw_only=True)
class GluoncvDetectorConfig:
    """Settings of `GluoncvDetector`."""

    model: str = setting("ssd_512_resnet50_v1_coco", help="Name in GluonCV's zoo, such as yolo3_darknet53_coco.")
    weights: str | Path | None = setting(
        None,
        help="A .params file of it; left out, GluonCV downloads its own, while its server answers.",
        role="weights",
    )
    classes: tuple[str, ...] | None = setting(None, help="Names of all classes, for networks called ..._custom.")
    keep_classes: tuple[str | int, ...] | None = setting(None, help="Names or numbers of the classes to look for.")
    score: float = setting(0.1, help="Least score.", minimum=0, maximum=1, role="conf")
    size: tuple[int, int] | None = setting(
        None,
        help="Height,width of the input; of two stages: short and longest side.",
        unit="px",
        role="size",
    )
    mask: float = setting(0.5, help="Least probability of a pixel of a mask.", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)
        if not self.model.startswith(DETECTORS):
            raise ConfigError(f"model must be a detector of GluonCV ({', '.join(DETECTORS)}...); got {self.model!r}.")


class GluoncvDetector(StagedNetwork):
    """Finds objects with a network of GluonCV's zoo, on real MXNet, on the CPU.

    MXNet is retired and gets no fixes: use it to look at what there is, export the network once
    (``net.export("name")``), and run it with `trackforge_mxnet.detector.MxnetDetector`.

    Raises:
        MissingDependencyError: MXNet or GluonCV is not installed, or does not load.
        ConfigError: The zoo has no such network.
        WeightsError: The weights cannot be had, or do not fit.
    """

    def __init__(self, config: GluoncvDetectorConfig) -> None:
        self.config = config
        network = _network(config)
        staged = "rcnn" in config.model
        pictures = Pictures(
            Preprocessing(size=_size(config), multiple=1, fit="stretch", order="rgb", **KINDS["gluoncv"]), short=staged
        )
        mxnet = load_mxnet()

        def run(data: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
            return [output.asnumpy() for output in network(mxnet.ndarray.array(data))]

        backend = PictureBackend(run, pictures, batched=False)
        backend.card = ModelCard(
            component="gluoncv",
            classes=tuple(map(str, network.classes)),
            preprocessing=pictures.base,
            variant=config.model,
        )
        super().__init__(backend)
        self.understood = (f"run by MXNet {mxnet.__version__}, which is retired and gets no fixes",)
        self._selection = Selection(
            dialect="gluoncv",
            classes=len(self.classes),
            keep=class_ids(config.keep_classes, self.classes),
            score=config.score,
            mask=config.mask,
        )

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture from its outputs."""
        return self._selection(predictions)


def _size(config: GluoncvDetectorConfig) -> tuple[int, int]:
    if config.size is not None:
        return config.size
    if "rcnn" in config.model:
        return (600, 1000) if config.model.endswith("_voc") else (800, 1333)
    named = _SIDE.search(config.model)
    side = int(named[1]) if named else 416 if config.model.startswith("yolo3") else 512
    return side, side


def _network(config: GluoncvDetectorConfig) -> Any:
    zoo: Any = load_gluoncv().model_zoo
    mxnet: Any = load_mxnet()
    known: Sequence[str] = [name for name in zoo.get_model_list() if name.startswith(DETECTORS)]
    if config.model not in known:
        raise ConfigError(f"GluonCV's zoo has no {config.model!r}.{did_you_mean(config.model, known)}")
    words: dict[str, Any] = {"pretrained": config.weights is None, "pretrained_base": False}
    if config.model.endswith("_custom"):
        if config.classes is None or config.weights is None:
            raise ConfigError(f"classes and weights must be given for {config.model}, which has none of its own.")
        words = {"classes": list(config.classes), "pretrained_base": False}
    elif config.classes is not None:
        raise ConfigError(f"classes must be left out for {config.model}, which names its own; got {config.classes}.")
    try:
        network = zoo.get_model(config.model, **words)
        if config.weights is not None:
            path = Path(config.weights).expanduser()
            if not path.is_file():
                raise WeightsError(f"weights must be a .params file of {config.model}; there is no file {path}.")
            network.load_parameters(str(path), ctx=mxnet.cpu(), allow_missing=False)
        network.hybridize()
    except WeightsError:
        raise
    except Exception as error:  # MXNet's errors have no common base, and carry pages of its own stack
        said = visible(" ".join(str(error).split())[:200])
        raise WeightsError(
            f"The weights of {config.model} must be there and fit; {type(error).__name__}: {said}. GluonCV's server "
            "may no longer answer: give a .params file as weights."
        ) from error
    return network
