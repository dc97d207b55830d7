"""One picture, one answer, nothing remembered: what the detector finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trackforge.serving.answers import detections_json
from trackforge.serving.decoding import PICTURES
from trackforge.serving.http.bodies import body_type, read_limited
from trackforge.serving.http.context import context
from trackforge.serving.http.operations import Answer, Body, json_answer, operation, paths, query
from trackforge.serving.http.schemas import DETECTIONS, PICTURE
from trackforge.types import Frame

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["PICTURE_BODY", "PICTURE_TYPES", "detect", "routes"]

PICTURE_TYPES = (*PICTURES.values(), "application/octet-stream")
"""Media types under which pictures come; what they are their content says."""
PICTURE_BODY = Body("A JPEG, PNG, WebP or BMP picture.", dict.fromkeys(PICTURE_TYPES, PICTURE))


@operation(
    "POST",
    "/v1/detect",
    area="detection",
    summary="Find the objects of one picture.",
    about="Nothing is remembered. Pictures of many requests are looked at together.",
    body=PICTURE_BODY,
    answers={200: Answer("What was found.", {"application/json": DETECTIONS})},
    errors=(408, 413, 415, 429, 504),
)
async def detect(request: Request) -> Response:
    """Answer with what the detector finds in a picture."""
    here = context(request)
    query(request)
    body_type(request, PICTURE_TYPES)
    body = await read_limited(request, here.run.max_body)
    image = await here.pictures.decoded(body)
    frame = Frame(index=0, size=(image.shape[1], image.shape[0]), image=image)
    found = await here.result(here.engine.detect(frame))
    return json_answer(detections_json(frame, found, here.engine.classes))


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(detect)
