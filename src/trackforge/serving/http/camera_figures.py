"""What is counted of cameras, for Prometheus; a camera is called by its name and the first letters of its id."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trackforge.serving.cameras import Cameras
from trackforge.serving.http.metrics import short_id

__all__ = ["CameraFigures"]

COUNTED = {
    "frames": "Frames tracked, by camera.",
    "dropped": "Frames that gave way to newer ones, by camera.",
    "skipped": "Damaged frames, by camera.",
    "reconnects": "How often a camera broke off and came back.",
}
MEASURED = {
    "fps": "Frames tracked per second, over the last seconds, by camera.",
    "latency": "Seconds from taking a picture to its step, over the last seconds, by camera.",
    "watchers": "Clients that watch, by camera.",
}


class CameraFigures(Collector):
    """What cameras know of themselves, asked for when somebody scrapes."""

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        cards = [camera.card() for camera in self._cameras]
        names = [f"{card['name'][:64]}:{short_id(card['id'])}" for card in cards]
        live = GaugeMetricFamily("trackforge_camera_live", "Whether pictures come, by camera.", labels=["camera"])
        for name, card in zip(names, cards, strict=True):
            live.add_metric([name], float(card["state"] == "live"))
        yield live
        for key, what in COUNTED.items():
            counter = CounterMetricFamily(f"trackforge_camera_{key}", what, labels=["camera"])
            for name, card in zip(names, cards, strict=True):
                counter.add_metric([name], card[key])
            yield counter
        for key, what in MEASURED.items():
            gauge = GaugeMetricFamily(f"trackforge_camera_{key}", what, labels=["camera"])
            for name, card in zip(names, cards, strict=True):
                gauge.add_metric([name], card[key] or 0.0)
            yield gauge
