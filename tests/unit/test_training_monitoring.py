"""A misspelt score is refused before anything is loaded, and what is promised then is what there is."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from trackforge.errors import ConfigError, UnknownComponentError
from trackforge.training.monitoring import DETECTION, check_monitor, usual_name


class Says:
    monitors: ClassVar[tuple[str, ...]] = ("box", *DETECTION)


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        ({"monitor": "AP"}, "Did you mean 'ap'"),
        ({"monitor": "hota"}, r"set train\.tracker"),
        ({"monitor": "val_box"}, r"set train\.validate_losses=true"),
        ({"monitor": "recal person"}, "must be one of ap, ap50, ap75, box, loss, recall; got"),
        ({"monitor": ""}, "got ''"),
        ({"monitor": "val_ap", "validate_losses": True}, "got 'val_ap'"),
    ],
)
def test_what_there_will_not_be_is_refused(loop: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_monitor(Says, loop)


@pytest.mark.parametrize(
    "loop",
    [
        {},
        {"monitor": "loss"},
        {"monitor": "box"},
        {"monitor": "ap person"},
        {"monitor": "hota", "tracker": "byte"},
        {"monitor": "val_loss", "validate_losses": True},
    ],
)
def test_what_there_will_be_passes(loop: dict[str, Any]) -> None:
    check_monitor(Says, loop)


class SaysMore(Says):
    monitors: ClassVar[tuple[str, ...]] = ("box", "val_box", *DETECTION)
    other_names: ClassVar[dict[str, str]] = {"corners": "box"}


@pytest.mark.parametrize("name", ["corners", "val_corners", "box", "val_box"])
def test_a_loss_may_be_called_by_another_of_its_names(name: str) -> None:
    check_monitor(SaysMore, {"monitor": name})
    assert usual_name(name, SaysMore.other_names) == name.replace("corners", "box")


def test_losses_of_validation_that_a_trainer_promises_are_no_losses_of_theirs() -> None:
    with pytest.raises(ConfigError, match="one of ap, ap50, ap75, box, loss, recall, val_box, val_loss; got"):
        check_monitor(SaysMore, {"monitor": "val_val_box", "validate_losses": True})


def test_a_trainer_that_says_nothing_is_asked_later_but_a_tracker_must_exist() -> None:
    check_monitor(object, {"monitor": "anything"})
    check_monitor(None, {"monitor": "anything"})
    with pytest.raises(UnknownComponentError, match="Did you mean 'byte'"):
        check_monitor(object, {"tracker": "bite"})


def test_what_yolox_promises_is_what_it_has() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("faster_coco_eval")
    pytest.importorskip("trackforge_yolox")
    from trackforge.data import Boxes, Dataset, Images
    from trackforge.training import CocoAP
    from trackforge_yolox.training.config import YoloxTrainConfig
    from trackforge_yolox.training.module import YoloxModule

    images = Images(path=["a.png"], width=[8], height=[8])
    one = Dataset(images=images, boxes=Boxes(image=[0], xyxy=[[0, 0, 4, 4]]), classes=("person",))
    scores = [score.name for score in CocoAP().announce(one)]
    assert [*YoloxModule.terms, *scores] == list(YoloxTrainConfig.monitors)
