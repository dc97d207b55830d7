"""Whether the server lives, whether it is ready, and what it serves: plainly, for SageMaker, and as KServe's V2 has it.

``/healthz`` answers as long as the process does. ``/readyz`` and ``/ping`` answer 503 until the detector is loaded and
has looked at a picture, and again once the server is being stopped. V2: health and metadata; pictures go to
``/v1/detect`` and the sessions, not to ``/v2/models/{name}/infer``, whose tensors are not what cameras send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

import trackforge
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.operations import Answer, json_answer, operation, paths
from trackforge.serving.http.parameters import Parameter
from trackforge.serving.refusals import Draining, NotReady

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["check_ready", "routes"]

AREA = "health"
JSON = "application/json"
_OBJECT = {JSON: {"type": "object"}}
_MODEL = (Parameter("model", str, "Name of the detector, or trackforge.", longest=200, example="trackforge"),)
TENSORS: dict[str, Any] = {
    "inputs": [{"name": "picture", "datatype": "BYTES", "shape": [1]}],
    "outputs": [
        {"name": "xyxy", "datatype": "FP32", "shape": [-1, 4]},
        {"name": "score", "datatype": "FP32", "shape": [-1]},
        {"name": "class_id", "datatype": "INT64", "shape": [-1]},
        {"name": "track_id", "datatype": "INT64", "shape": [-1]},
    ],
}


def check_ready(here: Context) -> None:
    """Refuse while the server takes no frames.

    Raises:
        NotReady: The detector is loading, or could not be loaded.
        Draining: The server is being stopped.
    """
    if here.lifetime.stopping:
        raise Draining("The server is being stopped.")
    if here.engine.state != "ready":
        raise NotReady(f"The detector must be loaded first; it is {here.engine.state}. Ask again in a moment.")


@operation("GET", "/healthz", area=AREA, summary="Whether the process lives.", open=True,
           answers={200: Answer("It does.", _OBJECT)})  # fmt: skip
async def alive(request: Request) -> Response:  # noqa: ARG001
    """Answer that the process lives."""
    return json_answer({"status": "alive"})


@operation("GET", "/readyz", area=AREA, summary="Whether frames are taken.", open=True,
           answers={200: Answer("They are.", _OBJECT)}, errors=(503,))  # fmt: skip
async def ready(request: Request) -> Response:
    """Answer whether the server is ready."""
    check_ready(context(request))
    return json_answer({"status": "ready"})


@operation("GET", "/ping", area=AREA, summary="Whether frames are taken, as SageMaker asks.", open=True,
           answers={200: Answer("They are.", _OBJECT)}, errors=(503,))  # fmt: skip
async def ping(request: Request) -> Response:
    """Answer whether the server is ready."""
    check_ready(context(request))
    return json_answer({"status": "ready"})


@operation("GET", "/v2", area=AREA, summary="What server this is (KServe V2).",
           answers={200: Answer("Name and version.", _OBJECT)})  # fmt: skip
async def server(request: Request) -> Response:  # noqa: ARG001
    """Tell name and version."""
    return json_answer({"name": "trackforge", "version": trackforge.__version__, "extensions": []})


@operation("GET", "/v2/health/live", area=AREA, summary="Whether the process lives (KServe V2).", open=True,
           answers={200: Answer("It does.", _OBJECT)})  # fmt: skip
async def live(request: Request) -> Response:  # noqa: ARG001
    """Answer that the process lives."""
    return json_answer({"live": True})


@operation("GET", "/v2/health/ready", area=AREA, summary="Whether frames are taken (KServe V2).", open=True,
           answers={200: Answer("They are.", _OBJECT)}, errors=(503,))  # fmt: skip
async def all_ready(request: Request) -> Response:
    """Answer whether the server is ready."""
    check_ready(context(request))
    return json_answer({"ready": True})


@operation("GET", "/v2/models/{model}", area=AREA, summary="What the detector takes and gives (KServe V2).",
           about="Beside the members of V2, card tells detector, weights, tracker and settings.",
           places=_MODEL, answers={200: Answer("Metadata.", _OBJECT)}, errors=(404, 503))  # fmt: skip
async def model(request: Request) -> Response:
    """Tell what is served."""
    here = context(request)
    name = _model(request)
    check_ready(here)
    told = {"name": name, "versions": [trackforge.__version__], "platform": "trackforge", **TENSORS}
    return json_answer({**told, "classes": list(here.engine.classes), "card": here.engine.card()})


@operation("GET", "/v2/models/{model}/ready", area=AREA, summary="Whether the detector is ready (KServe V2).",
           places=_MODEL, answers={200: Answer("It is.", _OBJECT)}, errors=(404, 503))  # fmt: skip
async def model_ready(request: Request) -> Response:
    """Answer whether the detector is ready."""
    name = _model(request)
    check_ready(context(request))
    return json_answer({"name": name, "ready": True})


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(alive, ready, ping, server, live, all_ready, model, model_ready)


def _model(request: Request) -> str:
    """Return the name of the detector, if that is the one asked for."""
    named = str(request.path_params["model"])
    if named not in (context(request).engine.card()["detector"]["name"], "trackforge"):
        raise HTTPException(404, "The server has one model; no other is known. See /v2/models/trackforge.")
    return named
