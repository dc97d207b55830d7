"""A detector behind an endpoint: pictures go out, several at once, and answers of any known shape come back.

With it ``trackforge track --detector endpoint`` tracks by the client over an endpoint that only detects, and
``trackforge label`` labels by one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from trackforge.config import check, setting
from trackforge.errors import ConfigError, InvalidInputError
from trackforge.intake.limits import limits
from trackforge.intake.names import relative_name
from trackforge.io.atomic import atomic_path
from trackforge.io.builtin_response import answer_name
from trackforge.types import Detections, Frame
from trackforge_sagemaker.client.answers import detections_of, document_of
from trackforge_sagemaker.client.asynchronous import AsyncEndpoint, Submission
from trackforge_sagemaker.client.contents import asking, digest_of
from trackforge_sagemaker.client.failures import ModelFailedError
from trackforge_sagemaker.client.folders import AsyncFolder, Done
from trackforge_sagemaker.client.invoking import Endpoint, check_endpoint
from trackforge_sagemaker.client.ledger import Entry, Ledger
from trackforge_sagemaker.client.messages import Notices
from trackforge_sagemaker.client.pacing import Pace
from trackforge_sagemaker.client.pictures import KINDS, encoded, picture_of
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.client.ways import LIMITS
from trackforge_sagemaker.formats.bytetrack import LETTERBOX

__all__ = ["EndpointDetector", "EndpointDetectorConfig"]

Format = Literal["any", "trackforge", "bytetrack", "builtin", "annotation", "jumpstart"]
_ACCEPTED: dict[Format, str] = {
    "any": "application/json",
    "trackforge": "application/json;format=trackforge",
    "bytetrack": "application/json;format=bytetrack",
    "builtin": "application/json;format=builtin",
    "annotation": "application/json;annotation=1",
    "jumpstart": "application/json;verbose",
}


@dataclass(frozen=True, kw_only=True)
class EndpointDetectorConfig:
    """Settings of `EndpointDetector`."""

    endpoint: str = setting(help="Name of the endpoint.")
    region: str | None = setting(None, help="Region; that of AWS_REGION or the profile where it is not given.")
    profile: str | None = setting(None, help="Profile of ~/.aws/config.")
    component: str = setting("", help="Inference component that is meant, where the endpoint has some.")
    classes: tuple[str, ...] = setting((), commas=True, help="Names of the classes, in their order; none for numbers.")
    form: Format = setting("any", help="Shape that is asked for; any takes what the endpoint gives.")
    accept: str = setting("", help="Accept header in place of the form's.")
    content_type: str = setting("", help="Content type in place of the picture's: application/x-image.")
    picture: Literal["jpeg", "png"] = setting("jpeg", help="How pictures are sent; PNG loses nothing.")
    quality: int = setting(95, help="Of JPEG.", minimum=1, maximum=100)
    letterbox: tuple[int, int] = setting(
        LETTERBOX, help="Height,width of the input that boxes of the form bytetrack are in.", minimum=1, unit="px"
    )
    min_score: float | None = setting(
        None, help="Objects with a lower score are left out; none keeps all.", role="conf", minimum=0, maximum=1
    )
    in_flight: int = setting(4, help="Requests at once, of the frames that come together.", minimum=1, maximum=256)
    per_second: float | None = setting(None, help="Requests a second, at most; none for no limit.", above=0)
    patience: float = setting(
        900.0, help="How long to wait for an endpoint that scales from zero.", minimum=0, unit="s"
    )
    answers: Path | None = setting(
        None,
        help="Folder in which answers are kept, NAME.jpg.out each, of further sequences with the same names below "
        "SEQUENCE/; what this endpoint answered is not sent again.",
    )
    way: Literal["real-time", "asynchronous"] = setting(
        "real-time", help="asynchronous: through the endpoint's queue; needs answers, and goes on after a kill."
    )
    place: str = setting("", help="asynchronous: where pictures above 128,000 bytes are put, s3://bucket/prefix.")
    queue: str = setting("", help="asynchronous: address of the SQS queue that SNS tells; S3 is looked at otherwise.")
    limit: int = setting(LIMITS["real-time"].payload, help="Largest request.", minimum=1, unit="bytes")

    def __post_init__(self) -> None:
        check(self)
        check_endpoint(self.endpoint)
        if self.way == "asynchronous" and self.answers is None:
            raise ConfigError("answers must name a folder for the results of asynchronous calls; none is given.")


class EndpointDetector:
    """Detects by an endpoint in real time, a request a frame.

    Frames that come together (``--batch-size``) are sent ``in_flight`` at once. A request whose answer was lost, or
    that was not taken, is sent again. A class without a name is called by its number.

    With ``answers`` every answer is kept as it came, so that a run that broke off goes on where it was, and another
    tracker needs no endpoint: the detector ``response`` reads the folder, too.

    Args:
        config: Settings.
        runtime: boto3's client of ``sagemaker-runtime``; None makes one.
        s3: The same of S3, for asynchronous calls.

    Raises:
        ConfigError: The name of the endpoint is none, or no region is known.
        MissingDependencyError: boto3 is not installed.
    """

    embedding_dim: int | None = None

    def __init__(self, config: EndpointDetectorConfig, *, runtime: Any = None, s3: Any = None) -> None:
        self.config = config
        self.classes = config.classes or tuple(f"class {number}" for number in range(_UNNAMED))
        self._workers: ThreadPoolExecutor | None = None
        self._owners: dict[str, str] = {}
        self._ask = self._kept(runtime, s3) if config.answers is not None else self._asking(runtime)

    def detect(self, frames: Sequence[Frame], /) -> list[Detections]:
        """Return what the endpoint finds in each frame.

        Raises:
            InvalidInputError: A frame has no picture, or one too large to be sent.
            AwsError: The endpoint refused a picture, failed at it, or cannot be reached.
            DataError: An answer is none that is known.
        """
        if len(frames) < 2 or self.config.in_flight == 1:
            return [self._one(frame) for frame in frames]
        if self._workers is None:
            self._workers = ThreadPoolExecutor(self.config.in_flight, "trackforge-endpoint")
        asked: list[Future[Detections]] = [self._workers.submit(self._one, frame) for frame in frames]
        try:
            return [one.result() for one in asked]
        finally:
            for one in asked:
                one.cancel()

    def close(self) -> None:
        """End the threads; requests under way are waited for."""
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)
            self._workers = None

    def __del__(self) -> None:
        """Let the threads end with the detector."""
        with contextlib.suppress(Exception):
            if self._workers is not None:
                self._workers.shutdown(wait=False, cancel_futures=True)

    def __getstate__(self) -> dict[str, Any]:
        """Refuse to travel to another process, which has connections of its own.

        Raises:
            TypeError: Always.
        """
        raise TypeError("A detector of an endpoint holds connections; make one in each process.")

    def _asking(self, runtime: Any) -> _Ask:
        """Return what sends a picture and gives the answer, in real time."""
        config = self.config
        self.endpoint = Endpoint(
            config.endpoint,
            runtime=runtime,
            region=config.region,
            profile=config.profile,
            component=config.component,
            limit=config.limit,
            patience=Patience(config.patience),
            connections=config.in_flight,
        )
        pace = Pace(config.per_second)

        def ask(name: str, body: bytes) -> bytes:  # noqa: ARG001 - as with answers that are kept
            self.endpoint.check_size(body)
            pace.wait()
            return self.endpoint(body, self._type, accept=self._accept).body

        return ask

    def _kept(self, runtime: Any, s3: Any) -> _Ask:
        """Return the same for answers that are kept."""
        config, folder = self.config, Path(self.config.answers or "")
        if config.way == "asynchronous":
            region, profile, patience = config.region, config.profile, Patience(config.patience)
            endpoint = AsyncEndpoint(
                config.endpoint, place=config.place, runtime=runtime, s3=s3, region=region, profile=profile,
                patience=patience,
            )  # fmt: skip
            notices = Notices(config.queue, region=region, profile=profile) if config.queue else None
            run = AsyncFolder(
                endpoint, folder, accept=self._accept, kind=self._type, per_second=config.per_second, notices=notices,
                again=True,
            )  # fmt: skip
            return lambda name, body: _answer(run.one(name, body))
        ask, ledger = self._asking(runtime), Ledger(folder)
        told = {"endpoint": config.endpoint, "region": self.endpoint.region, "component": config.component}
        told |= {"accept": self._accept, "kind": self._type}

        def asked_once(name: str, body: bytes) -> bytes:
            path, digest = folder / f"{name}.out", asking(digest_of(body), **told)
            known = ledger.get(name, digest)
            if known is None or not path.is_file():
                given = ask(name, body)
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_path(path) as partial:
                    partial.write_bytes(given)
                ledger.note(name, Entry(digest, "done", Submission("", "")))
            return path.read_bytes()

        return asked_once

    @property
    def _type(self) -> str:
        return self.config.content_type or KINDS[self.config.picture]

    @property
    def _accept(self) -> str:
        return self.config.accept or _ACCEPTED[self.config.form]

    def _name(self, frame: Frame) -> str:
        """Return the name of a frame's answer; a name that another sequence has got goes below its own sequence's."""
        name = answer_name(frame).as_posix()
        if self.config.answers is None or self._owners.setdefault(name, frame.sequence) == frame.sequence:
            return name
        return relative_name(f"{frame.sequence}/{name}", "A picture").as_posix()

    def _one(self, frame: Frame) -> Detections:
        config = self.config
        body = encoded(picture_of(frame), config.picture, config.quality)
        given = self._ask(self._name(frame), body)
        found = detections_of(document_of(given), frame.size, letterbox=config.letterbox)
        if config.min_score is not None:
            found = found[found.score >= config.min_score]
        found = found[found.class_id >= 0]
        most = int(found.class_id.max(initial=-1))
        if most >= len(self.classes):
            raise InvalidInputError(
                f"classes must name every class; the endpoint gave class {most} (from 0), {len(self.classes)} are "
                f"named. Give all of them: detector.classes=..., at most {limits().classes}."
            )
        return found


def _answer(done: Done) -> bytes:
    if done.path is None:
        raise ModelFailedError(f"The endpoint failed at {done.name}: {done.reason}", reason=done.reason)
    return done.path.read_bytes()


_Ask: TypeAlias = Callable[[str, bytes], bytes]
"""Gives the answer for a picture, by its name and bytes."""
_UNNAMED = 100
"""Classes that have numbers for names where no names are given."""
