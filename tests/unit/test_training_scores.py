"""VOC's average precision and retrieval, against cases worked by hand; and scores in words."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from trackforge.metrics.retrieval import retrieve
from trackforge.metrics.voc import voc_average_precision
from trackforge.table import TrackTable
from trackforge.training.scores import Monitor, Score, metric_definitions, metric_line
from trackforge.training.verdict import verdict


def table(left: list[float], score: list[float] | None = None, flag: list[int] | None = None) -> TrackTable:
    """Boxes of 10 x 10 in one frame."""
    xyxy = np.array([[x, 0, x + 10, 10] for x in left], np.float32).reshape(-1, 4)
    return TrackTable(
        frame=np.zeros(len(left), np.int64),
        track_id=np.arange(len(left)),
        xyxy=xyxy,
        score=np.asarray(score if score is not None else np.ones(len(left))),
        extra={} if flag is None else {"flag": np.asarray(flag)},
        sequence="s",
    )


def test_voc_by_hand() -> None:
    """Right, wrong, right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1."""
    report = voc_average_precision({"s": table([0, 100])}, {"s": table([0, 50, 100], [0.9, 0.8, 0.7])}, lengths=1)
    assert report.area == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert report.eleven == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_voc_doubles_are_wrong_and_difficult_ones_do_not_count() -> None:
    truth = table([0, 100], flag=[1, 0])
    report = voc_average_precision({"s": truth}, {"s": table([100, 1, 0], [0.9, 0.8, 0.7])}, lengths=1)
    assert report.area == report.eleven == 1  # the double comes after the only truth is found
    assert report.classes["object"].truths == 1
    assert voc_average_precision({"s": truth}, {"s": table([5.1], [0.9])}, lengths=1).area == 0  # IoU .32
    assert math.isnan(voc_average_precision({"s": table([])}, {"s": table([1], [0.9])}, lengths=1).area)


def test_retrieval_by_hand() -> None:
    """On a line of angles 0, 10, 15, 40 with identities a, b, a, b."""
    angle = np.radians([0, 10, 15, 40])
    report = retrieve(np.stack((np.cos(angle), np.sin(angle)), axis=1), [0, 1, 0, 1], far=0.25)
    # each query's only other one of its identity is second, third, second, second
    assert report.mean_precision == pytest.approx((1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert report.rank1 == 0
    # differences of pairs of two identities: 5, 10, 25, 40; one may pass: closer than 10; of one identity: 15, 30
    assert report.true_positive_rate == 0
    assert retrieve([[1, 0], [2, 0], [0, 1]], [7, 7, 8]).rank1 == 1


def test_the_monitor_knows_directions() -> None:
    down = Monitor("loss", [Score("loss", better="lower")], patience=2)
    assert [down.offer({"loss": x}) for x in (3.0, math.nan, 2.0, 2.0)] == [True, False, True, False]
    assert not down.exhausted(4)
    down.offer({"loss": 5.0})
    assert down.exhausted(5)
    assert down.best == {"loss": 2.0}


def test_patience_begins_late_and_wants_more_than_a_little() -> None:
    """A score better by less than the tolerance is kept, and counts as none."""
    some = Monitor("ap", [Score("ap")], patience=2, min_epochs=6, tolerance=0.1)
    values = (0.0, 0.4, 0.42, 0.43, 0.5, 0.51, 0.52, 0.52)
    assert [some.offer({"epoch": epoch, "ap": ap}) for epoch, ap in enumerate(values)] == [True] * 7 + [False]
    assert some.stale == 3  # since .5, which is 16 % more than .43
    assert some.best == {"epoch": 6, "ap": 0.52}
    assert [some.exhausted(epoch) for epoch in (5, 6)] == [False, True]
    down = Monitor("loss", [Score("loss", better="lower")], patience=1, tolerance=0.1)
    assert [down.offer({"loss": loss}) for loss in (2.0, 1.9)] == [True, True]
    assert down.exhausted(2)
    assert down.offer({"loss": 1.7})
    assert not down.exhausted(3)


def test_a_tie_with_the_start_goes_to_the_epoch_and_a_tie_of_epochs_to_the_first() -> None:
    kept = Monitor("ap", [Score("ap")])
    rows = [{"epoch": epoch, "ap": ap} for epoch, ap in enumerate((0.5, 0.4, 0.5, 0.5))]
    assert [kept.offer(row) for row in rows] == [True, False, True, False]
    assert kept.best["epoch"] == 2
    said = verdict(Score("ap", unit="share"), rows[0], rows[2])
    assert said.startswith("training made it no better: ap 50.00 at the start, ap 50.00 after epoch 2")
    assert "That epoch is the result" in said
    assert "starting weights are kept" in verdict(Score("ap", unit="share"), rows[0], rows[1])


def test_programs_find_every_value_of_a_line() -> None:
    values = {"epoch": 3, "loss": 1.5e-7, "ap": 0.5, "ap traffic light": math.nan}
    line = "INFO " + metric_line(values)
    for definition, value in zip(metric_definitions(values), values.values(), strict=True):
        found = re.search(definition["Regex"], line)
        assert found is not None
        assert float(found[1]) == pytest.approx(value, nan_ok=True)
