"""How requests are answered: settings that SageMaker's containers have beside those of every server.

Each is an environment variable ``TRACKFORGE_SAGEMAKER_...``; `trackforge_sagemaker.serving.environment` reads what AWS
and the examples call some of them.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from trackforge.config import check, setting

__all__ = ["Hosting"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hosting:
    """Settings of hosting.

    >>> Hosting(letterbox="608,1088").letterbox
    (608, 1088)

    Raises:
        ConfigError: A setting is wrong.
    """

    response: Literal["trackforge", "builtin", "bytetrack"] = setting(
        "trackforge",
        help="What plain application/json means: ours, that of SageMaker's built-in Object Detection (of pictures), or "
        "that of the ByteTrack example (of pictures and films).",
    )
    letterbox: tuple[int, int] = setting(
        (800, 1440),
        minimum=1,
        unit="px",
        help="height,width of the picture that clients of the ByteTrack example believe boxes to be in.",
    )
    stride: int = setting(1, minimum=1, unit="frames", help="Of films: track every n-th frame; times stay true.")
    stateful: bool = setting(True, help="Whether sessions may be opened.")
    frame_time: float = setting(60.0, above=0, unit="s", help="How long the answer to a picture or frame may take.")
    film_time: float = setting(3600.0, above=0, unit="s", help="How long a film may take to be tracked.")
    films: int = setting(2, minimum=1, help="Films that are tracked at once; others wait.")
    max_answer: int | None = setting(None, minimum=1, unit="bytes", help="Largest answer; none for any size.")

    def __post_init__(self) -> None:
        check(self)
