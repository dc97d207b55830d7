"""The component: an MXNet artefact as a `trackforge.protocols.Detector`, without MXNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from trackforge.config import check, setting
from trackforge.errors import ConfigError, WeightsError
from trackforge.intake.limits import check_limit
from trackforge.io.model_archive import Artefact, read_artefact
from trackforge.io.mxnet_params import dense
from trackforge.models import Batch, ModelCard, Objects, Placement, Preprocessing, StagedNetwork, class_ids
from trackforge.models.device import check_device, torch_device
from trackforge_mxnet.graph import Graph, parse_graph
from trackforge_mxnet.masks import draw_masks
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

__all__ = ["MxnetDetector", "MxnetDetectorConfig"]

LONGEST = 1333 / 800
"""Longest side by the short one, where pictures keep their aspect."""


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
        self._layout = opened.layout
        self._keep = class_ids(config.keep_classes, self.classes)

    def choose(self, predictions: Any, /) -> Objects:
        """Choose the objects of one picture from its outputs."""
        found: Found = predictions
        ids, score, xyxy = _columns(self._layout, found)
        rows = (ids >= 0) & (score >= self.config.score) & (ids < len(self.classes))
        rows &= np.isfinite(xyxy).all(axis=1) & (xyxy[:, 2:] >= xyxy[:, :2]).all(axis=1)
        class_id = np.rint(np.where(rows, ids, 0)).astype(np.int64)
        if self._keep is not None:
            rows &= np.isin(class_id, self._keep)
        chosen = np.flatnonzero(rows)
        chosen = chosen[np.argsort(-score[chosen], kind="stable")]
        masks = None
        if len(found.outputs) == 4 and self._layout.dialect == "gluoncv":
            drawn = found.placement.back(xyxy[chosen])
            masks = draw_masks(found.outputs[3][chosen], drawn, found.size, self.config.mask)
        return Objects(xyxy[chosen], np.minimum(score[chosen], 1), class_id[chosen], mask=masks)


class Found(NamedTuple):
    """Outputs of one picture, where it lies in the input ``(H, W)`` of ``input_size``, and its own ``size``."""

    outputs: list[npt.NDArray[np.float32]]
    placement: Placement
    size: tuple[int, int]
    input_size: tuple[int, int]


def _columns(
    layout: Layout, found: Found
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return class, score and corners in pixels of the input."""
    if layout.dialect == "gluoncv":
        ids, score, xyxy = found.outputs[:3]
        return ids.reshape(-1), score.reshape(-1), xyxy
    rows = found.outputs[0]
    xyxy = rows[:, 2:]
    if layout.dialect == "sagemaker":
        xyxy = xyxy * np.array(found.input_size[::-1] * 2, np.float32)
    return rows[:, 0], rows[:, 1], xyxy


class _Opened(NamedTuple):
    backend: GraphBackend
    layout: Layout
    reasons: list[str]


def _open(config: MxnetDetectorConfig) -> _Opened:
    import torch

    from trackforge_mxnet.operators import load_operators
    from trackforge_mxnet.program import compile_graph

    if config.threads:
        torch.set_num_threads(config.threads)
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
    backend = GraphBackend(program, feeds[0], pictures, batched=layout.dialect == "sagemaker")
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
    found = {name.removeprefix("arg:").removeprefix("aux:"): dense(array) for name, array in artefact.params.items()}
    lost = [name for name, array in found.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]
    if lost:
        raise WeightsError(
            f"Weights must be finite numbers; {lost[0][:80]!r} and {len(lost) - 1} more in {artefact.params_name} hold NaN "
            "or infinity. The training diverged, or the file is damaged: take an earlier epoch."
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
    values = KINDS[guess_kind(layout, parameters, reasons) if kind == "auto" else kind]
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


class GraphBackend:
    """Runs a compiled graph; a `trackforge.models.Backend` whose entries are `Found`.

    Args:
        program: The network.
        feed: Name of its input.
        pictures: Makes inputs.
        batched: Whether it takes several pictures at once.
    """

    card: ModelCard

    def __init__(self, program: Any, feed: str, pictures: Pictures, *, batched: bool) -> None:
        self._program, self._feed, self._pictures, self._batched = program, feed, pictures, batched

    def prepare(self, images: Sequence[npt.NDArray[np.uint8]], /) -> Batch:
        """Turn RGB pictures into inputs, each of its own size."""
        made = [(*self._pictures(image), (image.shape[0], image.shape[1])) for image in images]
        return Batch(made, tuple(placement for _, placement, _ in made))

    def infer(self, batch: Batch, /) -> list[Found]:
        """Run the network."""
        import torch

        found: list[Found] = []
        made: list[Any] = batch.data
        step = len(made) if self._batched else 1
        for first in range(0, len(made), max(step, 1)):
            part = made[first : first + step]
            outputs = self._program(**{self._feed: torch.from_numpy(np.stack([data for data, _, _ in part]))})
            arrays = [value.float().cpu().numpy() for value in outputs]
            for k, (data, placement, size) in enumerate(part):
                found.append(Found([array[k] for array in arrays], placement, size, data.shape[1:]))
        return found

    def try_run(self) -> list[npt.NDArray[Any]]:
        """Return what comes out for noise.

        Raises:
            WeightsError: The network cannot be run on an input of this size.
        """
        import torch

        size = self._pictures.base.size
        if self._pictures.short:
            size = (size[0], size[0])
        noise = (np.random.default_rng(0).random((*size, 3)) * 255).astype(np.uint8)
        data, _ = self._pictures(noise)
        return [value.cpu().numpy() for value in self._program(**{self._feed: torch.from_numpy(data[None])})]
