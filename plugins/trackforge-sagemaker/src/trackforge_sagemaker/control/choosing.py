"""``trackforge sagemaker choose``: which of SageMaker's ways of serving fits; asks nobody."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal

from trackforge.cli.flags import Words, command
from trackforge.cli.printing import put
from trackforge.config import check, setting
from trackforge.errors import ConfigError, did_you_mean
from trackforge.runs.layers import Layer, options
from trackforge_sagemaker.client.ways import Verdict, Work, best, size_of, verdict, verdicts

__all__ = ["Choice", "choose"]

SUBJECTS = ("camera", "film", "picture")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What is to be served."""

    of: str = setting("film", help="What one request is about: a frame of a camera, a whole film, or a picture.")
    task: Literal["tracking", "detection"] = setting("tracking", help="tracking or detection.")
    payload: str = setting("1MB", help="Size of one request: 40MB, or a file whose size is taken.")
    seconds: float = setting(1.0, help="Seconds that one answer takes.", above=0)
    minimum: int = setting(1, help="Instances that stay when there is nothing to do.", minimum=0)
    gpu: bool = setting(False, help="A GPU is needed.")
    way: str | None = setting(None, help="Judge this one only, and fail if it cannot.")

    def __post_init__(self) -> None:
        check(self)
        if self.of not in SUBJECTS:
            raise ConfigError(f"of must be {', '.join(SUBJECTS)}; got {self.of!r}.{did_you_mean(self.of, SUBJECTS)}")

    def work(self) -> Work:
        """Return what is to be judged."""
        file = Path(self.payload)
        size = file.stat().st_size if file.is_file() else size_of(self.payload)
        of: Any = self.of
        return Work(self.task, of, size, self.seconds, self.minimum, self.gpu)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ChooseWords(Words):
    set: tuple[str, ...] = setting((), flags=(), help="Not used.")
    json: bool = setting(False, help="Print JSON.")
    quiet: bool = setting(False, flags=("--quiet", "-q"), help="Print the name only.")


def _choose(layers: list[Layer], words: _ChooseWords) -> int:
    choice = options(Choice, layers)
    work = choice.work()
    if choice.way is not None:
        found = [verdict(choice.way, work)]
        if not found[0].fits:
            raise ConfigError(
                f"{choice.way} cannot do this: {'; '.join(found[0].against)}. What can: {best(work).name}."
            )
    else:
        best(work)
        found = verdicts(work)
    if words.json:
        put(json.dumps({"best": found[0].name, "ways": [dataclasses.asdict(one) for one in found]}, indent=2) + "\n")
    elif words.quiet:
        put(f"{found[0].name}\n")
    else:
        put("\n".join(line for number, one in enumerate(found) for line in _lines(one, first=not number)) + "\n")
    return 0


def _lines(one: Verdict, *, first: bool) -> list[str]:
    mark = "best" if first else "fits" if one.fits else "no"
    return [f"{mark:<5}{one.name}: {one.what}", *(f"       - {why}" for why in one.against or one.notes)]


choose = command("sagemaker_choose", Choice, _ChooseWords, _choose, first="of")
