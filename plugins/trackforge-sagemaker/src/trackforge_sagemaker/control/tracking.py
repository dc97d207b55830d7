"""``trackforge sagemaker track``: as ``trackforge track``, with an endpoint that tracks, or that detects.

Three ways. *session*: a frame a request, the tracker in the endpoint. *asynchronous*: whole films through its queue.
*client*: the endpoint only detects, the tracker runs here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from trackforge.cli.track import GROUPS, TrackWords, carry, speak
from trackforge.config import describe, setting
from trackforge.errors import ConfigError
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, options
from trackforge.runs.planning import RunPlan, plan
from trackforge.runs.tracking import TrackingRun
from trackforge_sagemaker.client.asynchronous import INLINE, AsyncEndpoint
from trackforge_sagemaker.client.contents import kind_of
from trackforge_sagemaker.client.failures import AwsError, ModelFailedError
from trackforge_sagemaker.client.folders import AsyncFolder
from trackforge_sagemaker.client.following import SessionDetector, Shown, StoredSteps, ToldTracker
from trackforge_sagemaker.client.messages import Notices
from trackforge_sagemaker.client.pictures import KINDS
from trackforge_sagemaker.client.retrying import Patience
from trackforge_sagemaker.client.sessions import SessionTracker
from trackforge_sagemaker.client.ways import LIMITS
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.declaring import layered
from trackforge_sagemaker.control.standing_in import StandIn

__all__ = ["EndpointTrack", "track"]

_FOLLOWING = "trackforge_sagemaker.client.following"
_LINES = "application/jsonlines"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointTrack(AwsRun, TrackingRun):
    """A tracking run whose detector, or all of it, is an endpoint."""

    endpoint: str = setting("", help="Name of the endpoint.")
    way: Literal["session", "asynchronous", "client"] = setting(
        "session", help="session: a frame a request, tracked there; asynchronous: whole films, through its queue; "
        "client: it only detects, and the tracker runs here.",
    )  # fmt: skip
    form: Literal["picture", "fairmot"] = setting(
        "picture", help="session: how frames go; fairmot as its example has it."
    )
    stateless: bool = setting(False, help="session: the endpoint knows no sessions, as FairMOT's own (form fairmot).")
    picture: Literal["jpeg", "png"] = setting("jpeg", help="How pictures are sent; PNG loses nothing.")
    quality: int = setting(95, help="Of JPEG.", minimum=1, maximum=100)
    names: tuple[str, ...] = setting((), commas=True, help="Names of the endpoint's classes, in their order.")
    component: str = setting("", help="Inference component that is meant.")
    limit: int = setting(LIMITS["real-time"].payload, help="Largest request in real time.", minimum=1, unit="bytes")
    in_flight: int = setting(4, help="client: pictures sent at once; asynchronous: films.", minimum=1, maximum=256)
    answers: Path | None = setting(
        None, help="Folder that keeps answers, so that a run that broke off goes on; asynchronous: out/answers."
    )
    place: str | None = setting(None, help="asynchronous: where films are put; below the bucket where not given.")
    queue: str = setting("", help="asynchronous: address of the SQS queue that tells of results.")
    patience: float = setting(
        900.0, help="How long to wait for an endpoint that scales from zero.", minimum=0, unit="s"
    )
    sample_filter: bool = setting(
        False, help="Leave out boxes wider than 1.6 times their height, or of 10 px² and less."
    )

    def __post_init__(self) -> None:
        AwsRun.__post_init__(self)
        TrackingRun.__post_init__(self)


_OURS = {s.name for s in describe(EndpointTrack)} - {s.name for s in describe(TrackingRun)}


@dataclasses.dataclass(frozen=True)
class EndpointPlan(RunPlan):
    """Such a run, planned."""

    asked: EndpointTrack = EndpointTrack()
    command: ClassVar[str] = "sagemaker track"

    def job(self) -> EndpointTrack:
        """Return the run as it was asked for, so that it can be repeated."""
        job, ours = super().job(), {name: getattr(self.asked, name) for name in _OURS}
        settled = {f.name: getattr(job, f.name) for f in dataclasses.fields(TrackingRun)}
        told = {"detector": "", "tracker": "" if isinstance(self.tracker, StandIn) else self.tracker}
        return EndpointTrack(**{**settled, **ours, **told})


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Words(TrackWords):
    dry_run: bool = setting(False, help="Show the requests of one frame, or of each film, as JSON, and make none.")


def _track(layers: list[Layer], words: _Words) -> int:
    job = options(EndpointTrack, layers)
    if not job.endpoint:
        raise ConfigError("track needs the name of an endpoint: track street.mp4 --endpoint street -o out/.")
    aws = Aws(job, dry_run=words.dry_run, as_json=words.json, quiet=words.quiet)
    if words.verbose:
        speak(quiet=words.quiet)
    if words.dry_run:
        return _shown(aws, job)
    with contextlib.ExitStack() as ends:
        return carry(_planned(aws, job, layers, ends), words)


def _planned(aws: Aws, job: EndpointTrack, layers: Sequence[Layer], ends: contextlib.ExitStack) -> EndpointPlan:
    """Plan the run; what is to be closed after it goes onto the stack."""
    asked = [str(one.tables.get("detector", {}).get("name", "")) for one in layers]
    if other := [name for name in asked if name and (job.way != "client" or name != "endpoint")]:
        raise ConfigError(f"The endpoint detects; --detector must be left out; got {other[-1]!r}.")
    bare = [
        dataclasses.replace(one, options={k: v for k, v in one.options.items() if k not in _OURS}) for one in layers
    ]
    if job.way == "client":
        made = plan(*bare, Layer("", {"detector": _asked_detector(job)}, options=_together(bare, job)))
        detector, tracker = made.detector, made.tracker
    else:
        made = plan(Layer("", {"detector": {"name": "motion"}}), *bare)
        named = any(one.tables.get("tracker") for one in layers)
        wanted = made.tracker.table() if named else None
        detector = _session(job, wanted, ends) if job.way == "session" else _films(aws, job, made)
        tracker = StandIn("tracker", "endpoint", make=lambda _: ToldTracker())
    if job.sample_filter:
        tracker = StandIn("tracker", tracker.name, make=_filtered(tracker), target=f"{_FOLLOWING}:Shown")
    values = {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}
    return EndpointPlan(**(values | {"detector": detector, "tracker": tracker, "why": "", "asked": job}))


def _filtered(tracker: Component) -> Callable[[str], Shown]:
    return lambda _: Shown(tracker.create())


def _asked_detector(job: EndpointTrack) -> dict[str, Any]:
    table = {
        "name": "endpoint", "endpoint": job.endpoint, "region": job.region, "profile": job.profile,
        "component": job.component, "classes": job.names, "picture": job.picture, "quality": job.quality,
        "in_flight": job.in_flight, "patience": job.patience, "answers": job.answers, "limit": job.limit,
    }  # fmt: skip
    return {key: value for key, value in table.items() if value not in (None, "", ())}


def _together(layers: Sequence[Layer], job: EndpointTrack) -> dict[str, Any]:
    """Return the batch that keeps so many requests in flight, unless one is asked for."""
    return {} if any("batch_size" in one.options for one in layers) else {"batch_size": job.in_flight}


def _session(job: EndpointTrack, tracker: Any, ends: contextlib.ExitStack) -> Component:
    """Return the component of an endpoint's sessions."""
    made: list[SessionDetector] = []

    def close() -> None:
        try:
            for one in made:
                one.reset()
        except AwsError:
            if sys.exc_info()[0] is None:
                raise

    def make(sequence: str) -> SessionDetector:  # noqa: ARG001 - each session is told nothing of it
        one = SessionDetector(
            lambda: SessionTracker(
                job.endpoint, tracker=tracker, form=job.form, picture=job.picture, quality=job.quality,
                stateful=not job.stateless, region=job.region, profile=job.profile, component=job.component,
                patience=Patience(job.patience), limit=job.limit,
            ),
            job.names,
        )  # fmt: skip
        made.append(one)
        return one

    ends.callback(close)
    return StandIn("detector", "endpoint-session", make=make, target=f"{_FOLLOWING}:SessionDetector")


def _films(aws: Aws, job: EndpointTrack, made: RunPlan) -> Component:
    """Have films tracked, and return the component that has their answers."""
    folder = job.answers or _answers_folder(job)
    paths = [Path(str(one.settings.get("path", ""))) for one in made.sources]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise ConfigError(f"asynchronous tracks films, each a file; got {missing[0] or 'something else'}.")
    endpoint = AsyncEndpoint(
        job.endpoint, place=_place(aws, job), runtime=None, region=job.region, profile=job.profile,
        patience=Patience(job.patience),
    )  # fmt: skip
    notices = Notices(job.queue, region=job.region, profile=job.profile) if job.queue else None
    run = AsyncFolder(
        endpoint, folder, accept=_LINES, ending=".jsonl", in_flight=job.in_flight, notices=notices, again=True,
        version=_configuration(aws, job.endpoint),
    )  # fmt: skip
    answers: dict[str, Path] = {}
    failed: list[str] = []
    with contextlib.closing(run(paths)) as ended:
        for done in ended:
            if done.path is None:
                failed.append(f"{done.name}: {done.reason}")
                continue
            answers[Path(done.name).stem] = done.path
            aws.say(f"{done.name}: {'done before' if done.before else 'tracked'}")
    if failed:
        kept = f" What it answered to the others is kept in {folder}: leave these out." if answers else ""
        raise ModelFailedError(f"The endpoint {job.endpoint} failed at {'; '.join(failed)}.{kept}")

    def make(sequence: str) -> StoredSteps:
        if sequence not in answers:
            raise ConfigError(f"Every film needs a name of its own; {sequence} has no answer. Rename one.")
        return StoredSteps(answers[sequence], job.names)

    return StandIn("detector", "endpoint-films", make=make, target=f"{_FOLLOWING}:StoredSteps", each=True)


def _configuration(aws: Aws, endpoint: str) -> str:
    """Return what the endpoint serves at present, so that no answer of an earlier model is taken for one of this."""
    try:
        told = aws.call("sagemaker", "describe_endpoint", {"EndpointName": endpoint}, doing=f"look at {endpoint}")
    except AwsError:  # who may only call it knows it by its name
        return ""
    return str(told.get("EndpointConfigName", ""))


def _answers_folder(job: EndpointTrack) -> Path:
    first = next(iter(job.out), "")
    folder = Path(first) if first.endswith("/") or Path(first).is_dir() else Path(first).parent
    if not first:
        raise ConfigError("asynchronous keeps answers; give -o out/, or --answers FOLDER.")
    return folder / "answers"


def _place(aws: Aws, job: EndpointTrack) -> str:
    """Return where films are put; the bucket is asked for only where one is too large to come with the call."""
    if job.place is not None:
        return job.place
    large = any(Path(one).is_file() and Path(one).stat().st_size > INLINE for one in job.sources)
    return aws.place("async", job.endpoint, "in") if large else ""


def _shown(aws: Aws, job: EndpointTrack) -> int:
    by = {"EndpointName": job.endpoint}
    picture = {**by, "ContentType": KINDS[job.picture], "Accept": "application/json", "Body": b""}
    if job.way == "asynchronous":
        for source in job.sources:
            put_to = f"{_place(aws, job) or aws.place('async', job.endpoint, 'in')}/{Path(source).name}"
            aws.upload(Path(source), put_to)
            request = {**by, "InputLocation": put_to, "ContentType": kind_of(source), "Accept": _LINES}
            aws.call("sagemaker-runtime", "invoke_endpoint_async", request)
    elif job.way == "client":
        aws.call("sagemaker-runtime", "invoke_endpoint", picture)
    else:
        begin = {**by, "ContentType": "application/json", "Body": b'{"requestType": "NEW_SESSION"}'}
        aws.call("sagemaker-runtime", "invoke_endpoint", {**begin, "SessionId": "NEW_SESSION"})
        aws.call("sagemaker-runtime", "invoke_endpoint", {**picture, "SessionId": "SESSION"})
    return aws.finish({}, "")


track = layered(
    "track",
    EndpointTrack,
    _track,
    first="sources",
    words=_Words,
    groups={
        "Endpoint": (
            "endpoint", "way", "names", "picture", "quality", "form", "stateless", "component", "limit", "in_flight",
            "answers", "place", "queue", "patience", "sample_filter",
        ),
        **GROUPS,
    },
)  # fmt: skip
