"""What is counted, for Prometheus, at ``/metrics``.

The number of series is bounded, whoever asks for whatever: paths are counted by route, methods by name of a known one,
and of sessions `MOST_SESSIONS` have series of their own, the others are summed up as ``other``. A session is
called by its name and the first letters of its id, which opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trackforge.intake.showing import visible
from trackforge.serving.happened import LABELS
from trackforge.serving.http.operations import Answer, operation, paths

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine
    from trackforge.serving.served import ServedSession

__all__ = ["MOST_SESSIONS", "Metrics", "routes", "short_id"]

MOST_SESSIONS = 100
GAUGES = {
    "sessions_open": ("sessions", "Sessions that are open."),
    "waiting_bytes": ("waiting_bytes", "What decoded pictures that wait take."),
}
COUNTERS = {
    "sessions_opened": ("sessions_opened", "Sessions that were opened."),
    "sessions_expired": ("sessions_expired", "Sessions that expired."),
    "detector_batches": ("batches", "Batches that the detector looked at."),
    "detector_frames": ("batched_frames", "Frames in these batches."),
    "detector_seconds": ("detect_seconds", "Seconds that the detector took for them."),
    "detector_failures": ("detect_failures", "Batches that it failed at."),
}
BY_SESSION = {
    "frames": "Frames that were tracked",
    "dropped": "Frames that gave way to newer ones",
    "failed": "Frames that could not be tracked",
}
"""Attributes of a session."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counters of one server.

    Attributes:
        registry: Where they are, and where others may be put beside them.
        sockets: WebSockets that are open.
        socket_frames: Frames that came over WebSockets.
        body_bytes: What bodies in memory take.
    """

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        named: dict[str, Any] = {"registry": self.registry}
        labels = ("method", "route", "status")
        self._requests = Counter("trackforge_http_requests", "Requests by route and status.", labels, **named)
        self._seconds = Histogram(
            "trackforge_http_request_seconds", "How long requests took.", ("route",), buckets=BUCKETS, **named
        )
        self._at_work = Gauge("trackforge_http_requests_at_work", "Requests that are being answered.", **named)
        self.sockets = Gauge("trackforge_websockets_open", "WebSockets that are open.", **named)
        self.socket_frames = Counter("trackforge_websocket_frames", "Pictures that came over WebSockets.", **named)
        self.body_bytes = Gauge("trackforge_body_bytes", "What bodies that wait or come take.", **named)
        self._covered: set[type[Collector]] = set()
        self.cover(_Sessions(engine))
        ProcessCollector(registry=self.registry)

    def begin(self) -> None:
        """Count a request that begins."""
        self._at_work.inc()

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended; 499 is the status of one whose client has gone."""
        self._at_work.dec()
        self._requests.labels(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def cover(self, collector: Collector) -> None:
        """Ask another for figures, too; of each kind the first is asked."""
        if type(collector) not in self._covered:
            self._covered.add(type(collector))
            self.registry.register(collector)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)


class _Sessions(Collector):
    """What the engine knows, asked for when somebody scrapes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own: dict[str, tuple[str, ServedSession]] = {}
        self._others: dict[str, ServedSession] = {}
        self._ended = dict.fromkeys(BY_SESSION, 0)

    def collect(self) -> Iterator[Metric]:
        engine, figures = self._engine, self._engine.figures()
        yield GaugeMetricFamily(
            "trackforge_ready", "Whether the detector is loaded and frames are taken.", float(engine.state == "ready")
        )
        for name, (key, what) in GAUGES.items():
            yield GaugeMetricFamily(f"trackforge_{name}", what, figures[key])
        for name, (key, what) in COUNTERS.items():
            yield CounterMetricFamily(f"trackforge_{name}", what, figures[key])
        happened = CounterMetricFamily("trackforge_analytic_events", "What analytics told, by place.", labels=LABELS)
        for labels, count in engine.happened.figures().items():
            happened.add_metric(labels, count)
        yield happened
        of_sessions = {
            attribute: CounterMetricFamily(
                f"trackforge_session_{attribute}", f"{what}, by session.", labels=["session"]
            )
            for attribute, what in BY_SESSION.items()
        }
        self._share_out(sorted(engine.sessions, key=lambda one: one.created))
        for attribute, family in of_sessions.items():
            for name, session in self._own.values():
                family.add_metric([name], getattr(session, attribute))
            if self._others or any(self._ended.values()):
                rest = sum(getattr(session, attribute) for session in self._others.values())
                family.add_metric(["other"], self._ended[attribute] + rest)
            yield family

    def _share_out(self, sessions: list[ServedSession]) -> None:
        """Give sessions a series of their own while there are any to be had; who once was another stays one.

        What counts must not fall: others that have ended are counted on, and none gets a series later on.
        """
        there = {session.id for session in sessions}
        for gone in self._others.keys() - there:
            session = self._others.pop(gone)
            for attribute in BY_SESSION:
                self._ended[attribute] += getattr(session, attribute)
        self._own = {name: own for name, own in self._own.items() if name in there}
        for session in sessions:
            if session.id in self._own or session.id in self._others:
                continue
            if len(self._own) < MOST_SESSIONS:
                name = f"{visible(session.name, keep='')[:64]}:{short_id(session.id)}".lstrip(":")
                self._own[session.id] = (name, session)
            else:
                self._others[session.id] = session


def short_id(session_id: str) -> str:
    """Return what tells a session from others and opens none."""
    return session_id[:8]


@operation(
    "GET",
    "/metrics",
    area="health",
    summary="What is counted, for Prometheus.",
    answers={200: Answer("Text of Prometheus' format 0.0.4.", {"text/plain": {"type": "string"}})},
)
async def metrics(request: Request) -> Response:
    """Answer with what is counted."""
    made: Metrics = request.app.state.context.metrics
    return Response(made.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(metrics)
