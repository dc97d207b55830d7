"""The component: an MXNet artefact as a `trackforge.protocols.Detector`, without MXNet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import ConfigError, DataError, WeightsError
from trackforge.intake.limits import check_limit, limits
from trackforge.io.model_archive import Artefact, read_artefact
from trackforge.io.mxnet_params import SparseArray, dense
from trackforge.models import ModelCard, Objects, Preprocessing, StagedNetwork, class_ids
from trackforge.models.device import check_device, torch_device
from trackforge_mxnet.backend import PictureBackend
from trackforge_mxnet.graph import Graph, parse_graph
from trackforge_mxnet.memory import keep_freed_memory
from trackforge_mxnet.pictures import KINDS, Pictures, guess_kind
from trackforge_mxnet.recognition import (
    Layout,
    check_seen,
    class_count,
    class_names,
    input_names,
    recognise,
    usual_size,
)
from trackforge_mxnet.selection import Selection

__all__ = ["MxnetDetector", "MxnetDetectorConfig"]

LONGEST = 1333 / 800
"""Longest side by the short one, where pictures keep their aspect."""
SMALL = 64 * 2**20
"""Bytes that sparse weights may take, however few are stored."""


@dataclass(frozen=True, kw_only=True)
class MxnetDetectorConfig:
    """Settings of `MxnetDetector`; what is left out is found out from the artefact."""

    weights: str | Path = setting(
        help="model.tar.gz, a -symbol.json or .params beside the other, or their folder.", role="weights"
    )
    epoch: int | None = setting(None, help="Which of several -NNNN.params; the last if left out.", minimum=0)
    classes: tuple[str, ...] | None = setting(None, help="Names of all classes: the artefact has none.")
    keep_classes: tuple[str | int, ...] | None = setting(None, help="Names or numbers of the classes to look for.")
    score: float = setting(0.1, help="Least score.", minimum=0, maximum=1, role="conf")
    size: tuple[int, int] | None = setting(
        None, help="Height,width of the input; for fit=short, the short and the longest side.", unit="px", role="size"
    )
    fit: Literal["auto", "stretch", "short"] = setting(
        "auto", help="Stretch pictures to the input, or keep their aspect with a given short side."
    )
    preprocessing: Literal["auto", "raw", "mean", "gluoncv"] = setting(
        "auto", help="Values of pictures: 0..255, those minus ImageNet's mean, or as GluonCV has them."
    )
    mask: float = setting(0.5, help="Least probability of a pixel of a mask.", minimum=0, maximum=1)
    device: str = setting("auto", help="auto, cpu, cuda or cuda:N.", role="device")
    optimise: bool = setting(True, help="Fold and fuse; off, each node is carried out as it stands.")
    keep_memory: bool = setting(
        True, help="Keep up to 512 MiB of freed memory for the next picture (Linux, CPU; for the whole process)."
    )
    threads: int = setting(
        0, help="CPU threads; 0 leaves it to torch, which takes the number for the whole process.", minimum=0
    )

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)


class MxnetDetector(StagedNetwork):
    """Finds objects with the graph of an artefact, after looking at its outputs.

    Boxes are in pixels of the original picture; masks, of networks that make them, are in ``mask``.

    Attributes:
        understood: What was found out, one sentence each.

    Raises:
        WeightsError: Operators are not known (all are named), weights are missing, or it is no detector.
        DataError: The artefact is damaged.
        ConfigError: Settings contradict it.
    """

    def __init__(self, config: MxnetDetectorConfig) -> None:
        self.config = config
        opened = _open(config)
        super().__init__(opened.backend)
        self.understood = tuple(opened.reasons)
        self._selection = Selection(
            dialect=opened.layout.dialect,
            classes=len(self.classes),
            keep=class_ids(config.keep_classes, self.classes),
            score=config.score,
            mask=config.mask,
        )

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture from its outputs."""
        return self._selection(predictions)


class _Opened(NamedTuple):
    backend: PictureBackend
    layout: Layout
    reasons: list[str]


def _open(config: MxnetDetectorConfig) -> _Opened:
    import torch

    from trackforge_mxnet.program import compile_graph
    from trackforge_mxnet.table import load_operators

    if config.threads:
        torch.set_num_threads(config.threads)
    if config.keep_memory:
        keep_freed_memory()
    path = Path(config.weights).expanduser()
    artefact = read_artefact(path, epoch=config.epoch)
    graph = parse_graph(artefact.symbol, path)
    parameters = _weights(artefact)
    layout = recognise(graph)
    reasons = list(layout.reasons)
    taken = {name: known.taken for name, known in load_operators().items() if known.taken is not None}
    feeds = input_names(graph, parameters, layout.heads, taken)
    program = compile_graph(
        graph,
        parameters,
        heads=layout.heads,
        feeds=feeds,
        device=torch_device(config.device),
        optimise=config.optimise,
    )
    pictures = _pictures(config, graph, layout, parameters, artefact, reasons)

    def run(data: npt.NDArray[np.float32]) -> list[npt.NDArray[Any]]:
        outputs = program(**{feeds[0]: torch.from_numpy(data)})
        return [value.float().cpu().numpy() for value in outputs]

    backend = PictureBackend(run, pictures, batched=layout.dialect == "sagemaker")
    seen = backend.try_run()
    check_seen(layout, seen, str(path))
    count = class_count(graph, layout, seen)
    said = artefact.hyperparameters.get("num_classes", "").strip()
    if layout.dialect == "sagemaker" and said.isdecimal() and int(said) != count:
        reasons.append(f"hyperparams.json says num_classes {said}, the graph has {count}: the graph counts")
    if count is not None:
        check_limit("classes", count, "The number of classes", path=path)
    backend.card = ModelCard(
        component="mxnet",
        classes=class_names(count, config.classes, artefact.texts, layout, str(path), reasons),
        preprocessing=pictures.base,
        variant=layout.dialect,
        provenance={key: str(value) for key, value in _provenance(artefact).items()},
    )
    return _Opened(backend, layout, reasons)


def _provenance(artefact: Artefact) -> dict[str, str]:
    named = ("base_network", "epochs", "num_training_samples", "learning_rate", "mini_batch_size")
    told = {key: artefact.hyperparameters[key] for key in named if artefact.hyperparameters.get(key)}
    return {"symbol": artefact.symbol_name, "params": artefact.params_name, **told}


def _weights(artefact: Artefact) -> dict[str, npt.NDArray[Any]]:
    """Return weights by plain name; what is damaged by NaN is refused, since nothing would ever be found."""
    stored = sum(array.data.nbytes for array in artefact.params.values())
    sparse = [array for array in artefact.params.values() if isinstance(array, SparseArray)]
    whole = sum(math.prod(array.shape) * array.data.itemsize for array in sparse)
    most = max(SMALL, stored * limits().inflation)
    if whole > most:
        raise DataError(
            f"Sparse arrays must take at most {most:,} bytes when they are written out; those of "
            f"{artefact.params_name} would take {whole:,}. Is the file damaged?"
        )
    found = {name.removeprefix("arg:").removeprefix("aux:"): dense(array) for name, array in artefact.params.items()}
    lost = [name for name, array in found.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if lost:
        raise WeightsError(
            f"Weights must be finite numbers; {lost[0][:80]!r} and {len(lost) - 1} more in {artefact.params_name} hold "
            "NaN or infinity. The training diverged, or the file is damaged: take an earlier epoch."
        )
    return found


def _pictures(
    config: MxnetDetectorConfig,
    graph: Graph,
    layout: Layout,
    parameters: dict[str, npt.NDArray[Any]],
    artefact: Artefact,
    reasons: list[str],
) -> Pictures:
    kind = config.preprocessing
    values = KINDS[guess_kind(layout, parameters, artefact.texts, reasons) if kind == "auto" else kind]
    short = config.fit == "short" or (config.fit == "auto" and layout.staged)
    if short and layout.dialect == "sagemaker":
        raise ConfigError("fit must be stretch for SageMaker's graphs, which want squares; got 'short'. Leave it out.")
    if config.size is not None:
        size = config.size
    else:
        side, why = usual_size(graph, layout, parameters, artefact.hyperparameters)
        size = (side, round(side * LONGEST)) if short else (side, side)
        reasons.append(why)
    check_limit("pixels", size[0] * size[1], "The input of the network, in pixels,", path=graph.path)
    if short:
        reasons.append(f"pictures keep their aspect: short side {size[0]}, long side at most {size[1]}")
    multiple = 32 if short and not layout.staged else 1
    return Pictures(
        Preprocessing(size=size, multiple=1, fit="stretch", order="rgb", **values), short=short, multiple=multiple
    )
