"""What core can score: average precision by COCO's and by VOC's rules, tracks, appearance."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from trackforge.data.model import Dataset
from trackforge.data.samples import Sample
from trackforge.errors import ConfigError, DataError, MissingDependencyError
from trackforge.metrics.detection import average_precision
from trackforge.metrics.evaluation import evaluate
from trackforge.metrics.retrieval import retrieve
from trackforge.metrics.voc import voc_average_precision
from trackforge.registry.doors import tracker as make_tracker
from trackforge.runs.replaying import replay
from trackforge.table import TrackTable
from trackforge.training.scores import Score, Scorer
from trackforge.types import Detections, Frame

if TYPE_CHECKING:
    from trackforge.training.module import TrainingModule

__all__ = ["CocoAP", "Embeds", "ReId", "Tracking", "VocAP"]

WHOLE = "val"
"""Name of a validation set taken as one sequence."""


class CocoAP(Scorer):
    """``ap``, ``ap50``, ``ap75``, ``recall`` by COCO's rules; with several classes ``ap CLASS`` and ``ap50 CLASS``."""

    def announce(self, dataset: Dataset) -> Sequence[Score]:
        """Announce; see the class.

        Raises:
            MissingDependencyError: faster-coco-eval is not installed.
        """
        if importlib.util.find_spec("faster_coco_eval") is None:
            raise MissingDependencyError(
                "Validation needs faster-coco-eval, which is not installed; run: pip install 'trackforge-mot[train]'",
                name="faster_coco_eval",
            )
        return (
            Score("ap", unit="share", title="AP"),
            Score("ap50", unit="share", title="AP50"),
            Score("ap75", unit="share", title="AP75", detail=True),
            Score("recall", unit="share", detail=True),
            *_of_classes(dataset, "ap"),
            *_of_classes(dataset, "ap50"),
        )

    def score(self, dataset: Dataset, seen: Sequence[Detections]) -> Mapping[str, float]:
        """Score detections."""
        report = average_precision(
            {WHOLE: _truth(dataset, dataset.boxes.image, WHOLE)},
            {WHOLE: TrackTable.from_detections(enumerate(seen), sequence=WHOLE)},
            classes=dataset.classes,
            lengths={WHOLE: len(dataset)},
        )
        mean = report.mean
        scores = {"ap": mean.ap, "ap50": mean.ap50, "ap75": mean.ap75, "recall": mean.recall}
        if len(dataset.classes) > 1:
            scores |= {f"ap {name}": one.ap for name, one in report.classes.items()}
            scores |= {f"ap50 {name}": one.ap50 for name, one in report.classes.items()}
        return scores


class VocAP(Scorer):
    """``voc_ap`` (area) and ``voc_ap11`` (11 points); with several classes ``voc_ap CLASS`` too.

    Args:
        overlap: Least IoU of a detection with its box.
    """

    def __init__(self, *, overlap: float = 0.5) -> None:
        self.overlap = overlap

    def announce(self, dataset: Dataset) -> Sequence[Score]:
        """Announce; see the class."""
        at = "" if self.overlap == 0.5 else f" at IoU {self.overlap:g}"
        return (
            Score("voc_ap", unit="share", title=f"VOC AP{at}"),
            Score("voc_ap11", unit="share", title=f"VOC AP, 11 points{at}"),
            *_of_classes(dataset, "voc_ap"),
        )

    def score(self, dataset: Dataset, seen: Sequence[Detections]) -> Mapping[str, float]:
        """Score detections."""
        report = voc_average_precision(
            {WHOLE: _truth(dataset, dataset.boxes.image, WHOLE)},
            {WHOLE: TrackTable.from_detections(enumerate(seen), sequence=WHOLE)},
            classes=dataset.classes,
            overlap=self.overlap,
            lengths={WHOLE: len(dataset)},
        )
        scores = {"voc_ap": report.area, "voc_ap11": report.eleven}
        if len(dataset.classes) > 1:
            scores |= {f"voc_ap {name}": one.area for name, one in report.classes.items()}
        return scores


class Tracking(Scorer):
    """``hota``, ``mota`` and ``idf1`` of the tracks that a tracker makes of the detections, all classes together.

    Args:
        tracker: Its name.
    """

    def __init__(self, tracker: str) -> None:
        self.tracker = tracker

    def announce(self, dataset: Dataset) -> Sequence[Score]:
        """Announce; see the class.

        Raises:
            DataError: No sequence has identities.
            UnknownComponentError: There is no such tracker.
        """
        make_tracker(self.tracker)
        if not _labelled_sequences(dataset):
            raise DataError(
                f"To score tracker {self.tracker!r}, the validation set must have a sequence with identities; it has "
                "none. Leave out the tracker.",
                path=dataset.root,
            )
        return tuple(Score(name, unit="share", title=name.upper()) for name in ("hota", "mota", "idf1"))

    def score(self, dataset: Dataset, seen: Sequence[Detections]) -> Mapping[str, float]:
        """Track every labelled sequence, and score the tracks."""
        tracker = make_tracker(self.tracker)
        truth: dict[str, TrackTable] = {}
        tracks: dict[str, TrackTable] = {}
        lengths: dict[str, int] = {}
        images = dataset.images
        for sequence in _labelled_sequences(dataset):
            rows = np.flatnonzero(images.sequence == sequence)
            rows = rows[np.argsort(images.frame[rows], kind="stable")]
            frames = [
                Frame(
                    index=int(images.frame[row]),
                    size=(int(images.width[row]), int(images.height[row])),
                    sequence=sequence,
                )
                for row in rows.tolist()
            ]
            part = dataset[rows]
            truth[sequence] = _truth(part, part.images.frame[part.boxes.image], sequence)
            found = zip(frames, [seen[row] for row in rows.tolist()], strict=True)
            tracks[sequence] = TrackTable.from_steps(replay(found, tracker), sequence=sequence)
            lengths[sequence] = int(part.images.frame[-1]) + 1
        combined = evaluate(truth, tracks, lengths=lengths).combined
        return {"hota": combined["HOTA"], "mota": combined["MOTA"], "idf1": combined["IDF1"]}


@runtime_checkable
class Embeds(Protocol):
    """A module whose model describes appearance, so that `ReId` can score it."""

    def embed(
        self, images: Sequence[npt.NDArray[np.uint8]], boxes: Sequence[npt.NDArray[np.float64]], /
    ) -> Sequence[npt.NDArray[np.float32]]:
        """Describe what is in boxes ``(N, 4)`` of each picture, pixels, as vectors ``(N, D)``."""


class ReId(Scorer):
    """``reid_map`` and ``rank1`` of finding an identity again by its appearance, and ``tpr``: pairs told to be one.

    True boxes are described, so that detection does not matter; each is looked for among all others. `Embeds` says what
    the module must offer.

    Args:
        far: Share of pairs of different identities that may be taken for one where ``tpr`` is read off.
        most: Boxes that are compared, spread evenly over the set: the work grows with their square.
    """

    def __init__(self, *, far: float = 0.1, most: int = 5000) -> None:
        self.far, self.most = far, most

    def announce(self, dataset: Dataset) -> Sequence[Score]:
        """Announce; see the class.

        Raises:
            DataError: No identity is seen twice.
        """
        identity, count = dataset.identities()
        if not (np.bincount(identity[identity >= 0], minlength=count) > 1).any():
            raise DataError(
                "To score appearance, the validation set must show an identity twice; it shows none. Label identities, "
                "or leave this score out.",
                path=dataset.root,
            )
        return (
            Score("reid_map", unit="share", title="re-identification mAP"),
            Score("rank1", unit="share", title="rank 1"),
            Score("tpr", unit="share", title=f"TPR at FAR {self.far:g}"),
        )

    def look(
        self,
        module: TrainingModule,
        samples: Sequence[Sample],
        found: Sequence[Detections],  # noqa: ARG002 - true boxes are described
    ) -> Sequence[npt.NDArray[np.float32]]:
        """Describe the true boxes.

        Raises:
            ConfigError: The module cannot.
        """
        if not isinstance(module, Embeds):
            raise ConfigError(
                f"To score appearance, the module must have embed(images, boxes); {type(module).__name__} has not. "
                "Write it, or leave this score out."
            )
        return module.embed([s.image for s in samples], [s.boxes.xyxy for s in samples])

    def score(self, dataset: Dataset, seen: Sequence[npt.NDArray[np.float32]]) -> Mapping[str, float]:
        """Score descriptions."""
        identity, _ = dataset.identities()
        order = np.argsort(dataset.boxes.image, kind="stable")  # as the pictures came
        identity, vectors = identity[order], np.concatenate(seen)
        rows = np.flatnonzero(identity >= 0)
        if len(rows) > self.most:
            rows = rows[np.linspace(0, len(rows) - 1, self.most).astype(int)]
        report = retrieve(vectors[rows], identity[rows], far=self.far)
        return {"reid_map": report.mean_precision, "rank1": report.rank1, "tpr": report.true_positive_rate}


def _of_classes(dataset: Dataset, name: str) -> list[Score]:
    several = len(dataset.classes) > 1
    return [Score(f"{name} {one}", unit="share", detail=True) for one in dataset.classes] if several else []


def _labelled_sequences(dataset: Dataset) -> list[str]:
    """Names of the sequences in which every box that counts has an identity."""
    sequence = dataset.images.sequence[dataset.boxes.image]
    counts = ~dataset.boxes.ignore
    known = {s for s in sequence[counts].tolist() if s}
    return [
        s for s in dataset.sequences if s in known and (dataset.boxes.track_id[counts & (sequence == s)] >= 0).all()
    ]


def _truth(dataset: Dataset, frame: npt.NDArray[np.int64], sequence: str) -> TrackTable:
    boxes = dataset.boxes
    return TrackTable(
        frame=frame,
        track_id=boxes.track_id,
        xyxy=boxes.xyxy,
        class_id=boxes.class_id,
        extra={"flag": (~boxes.ignore).astype(np.int64)},
        sequence=sequence,
    )
