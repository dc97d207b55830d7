"""Labels: the documents of a folder listed, shown, edited one step at a time, undone, and given in other formats.

Names come from the folder, frames from the document: what a client says is looked up, and never becomes a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trackforge.serving.http.bodies import body_type, read_limited
from trackforge.serving.http.context import Context, context
from trackforge.serving.http.denials import BadRequest
from trackforge.serving.http.operations import Answer, Body, json_answer, operation, paths, query
from trackforge.serving.http.parameters import LONGEST_OBJECT, Parameter, json_object, object_schema
from trackforge.serving.labels import Desk
from trackforge.serving.labels.desk import KINDS

if TYPE_CHECKING:
    from trackforge.serving.engine import Engine

__all__ = ["routes"]

AREA, JSON = "labels", "application/json"
NAME = Parameter("name", str, "As the list gives it.", longest=255)
FRAME = Parameter("frame", int, "Number of the frame, 0-based.", minimum=0, maximum=2**53)
KIND = Parameter("kind", str, "txt: MOT text; json: COCO with track ids.", choices=KINDS)
REVISION = Parameter(
    "revision", str, "What the document that this is meant for is known by.", required=True, longest=64
)
EDIT = (
    REVISION,
    Parameter("edit", dict, 'What to do: {"action": "split", "track": 3, "frame": 120}.', required=True),
    Parameter("key", str, "Any text of this edit alone: sent again, it is done once.", longest=64),
)
_STATE: dict[str, Any] = {
    "name": {"type": "string"},
    "revision": {"type": "string", "description": "What the content is known by."},
    "undo": {"type": "integer", "minimum": 0, "description": "Edits that can be undone."},
    "redo": {"type": "integer", "minimum": 0, "description": "Edits that can be done again."},
}
_TRACK: dict[str, Any] = {
    "type": "object",
    "required": ["id", "label", "keyframes"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "label": {"type": "integer", "minimum": 0, "description": "Index of its class."},
        "object_id": {"type": "string"},
        "attributes": {"type": "object"},
        "keyframes": {"type": "array", "items": {"type": "object", "required": ["frame", "xyxy", "origin"]}},
    },
}
LINE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "revision": {"type": "string"},
        "sequence": {"type": "string"},
        **{one: {"type": "integer", "minimum": 0} for one in ("frames", "wanted", "checked", "tracks", "touched")},
        "problem": {"type": "string", "description": "Why it cannot be read."},
    },
}
DOCUMENT: dict[str, Any] = {
    "type": "object",
    "required": [*_STATE, "sequence", "frames", "classes", "tracks", "checked", "wanted"],
    "properties": {**_STATE, "tracks": {"type": "array", "items": _TRACK}},
}
CHANGED: dict[str, Any] = {
    "type": "object",
    "required": [*_STATE, "changed"],
    "properties": {
        **_STATE,
        "changed": {
            "type": "object",
            "required": ["head", "checked", "tracks"],
            "properties": {
                "head": {"type": "object", "description": "What else of the document changed."},
                "checked": {"type": "object", "required": ["add", "drop"]},
                "tracks": {
                    "type": "object",
                    "description": "Tracks that changed, by number; null for those that are gone.",
                    "additionalProperties": {"anyOf": [_TRACK, {"type": "null"}]},
                },
            },
        },
    },
}


@operation(
    "GET",
    "/v1/labels",
    area=AREA,
    summary="List the documents of labels, and how far they are checked.",
    answers={200: Answer("The documents.", {JSON: {
        "type": "object", "required": ["on", "documents"], "properties": {
            "on": {"type": "boolean", "description": "Whether the server has a folder of labels."},
            "documents": {"type": "array", "items": LINE},
        },
    }})},
)  # fmt: skip
async def list_labels(request: Request) -> Response:
    """List the documents."""
    here = context(request)
    query(request)
    desk = here.part(Desk)
    return json_answer({"on": desk.on, "documents": await here.away(desk.list)})


@operation(
    "GET",
    "/v1/labels/{name}",
    area=AREA,
    summary="Show a document of labels.",
    places=(NAME,),
    answers={200: Answer("The document.", {JSON: DOCUMENT}), 304: Answer("It is as it was.")},
    errors=(404, 422),
)
async def show_labels(request: Request) -> Response:
    """Show a document."""
    here = context(request)
    query(request)
    told = await here.away(here.part(Desk).show, _name(request))
    tag = f'"{told["revision"]}-{told["undo"]}-{told["redo"]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return json_answer(told, headers=headers)


@operation(
    "POST",
    "/v1/labels/{name}/edits",
    area=AREA,
    summary="Do something to the labels of a document; it is saved before it is answered.",
    about=(
        "Where the document is another than the one that the edit is meant for, nothing is done (409): fetch it, and "
        "look again. The documentation lists the actions."
    ),
    places=(NAME,),
    body=Body("The edit.", {JSON: object_schema(EDIT)}),
    answers={200: Answer("What changed.", {JSON: CHANGED})},
    errors=(404, 408, 409, 413, 415, 422, 507),
)
async def edit_labels(request: Request) -> Response:
    """Edit a document."""
    here, said = await _said(request, EDIT)
    name = _name(request)
    told = await here.away(here.part(Desk).edit, name, said["edit"], said["revision"], said.get("key", ""))
    return json_answer(told)


@operation(
    "POST",
    "/v1/labels/{name}/undo",
    area=AREA,
    summary="Undo the last edit of a document.",
    places=(NAME,),
    body=Body("Which document is meant.", {JSON: object_schema((REVISION,))}),
    answers={200: Answer("What changed.", {JSON: CHANGED})},
    errors=(404, 408, 409, 413, 415, 422, 507),
)
async def undo_labels(request: Request) -> Response:
    """Undo an edit."""
    here, said = await _said(request, (REVISION,))
    return json_answer(await here.away(here.part(Desk).undo, _name(request), said["revision"]))


@operation(
    "POST",
    "/v1/labels/{name}/redo",
    area=AREA,
    summary="Do again what was undone last.",
    places=(NAME,),
    body=Body("Which document is meant.", {JSON: object_schema((REVISION,))}),
    answers={200: Answer("What changed.", {JSON: CHANGED})},
    errors=(404, 408, 409, 413, 415, 422, 507),
)
async def redo_labels(request: Request) -> Response:
    """Do an edit again."""
    here, said = await _said(request, (REVISION,))
    return json_answer(await here.away(here.part(Desk).redo, _name(request), said["revision"]))


@operation(
    "GET",
    "/v1/labels/{name}/frames/{frame}",
    area=AREA,
    summary="Fetch the picture of a frame.",
    places=(NAME, FRAME),
    answers={
        200: Answer("The picture.", {media: {"type": "string"} for media in ("image/jpeg", "image/png")}),
        304: Answer("It is as it was."),
    },
    errors=(404, 422, 501),
)
async def show_frame(request: Request) -> Response:
    """Send a picture."""
    here = context(request)
    query(request)
    desk, name, frame = here.part(Desk), _name(request), FRAME.read(request.path_params["frame"])
    headers = {"ETag": await here.away(desk.picture_tag, name, frame), "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    data, media = await here.away(desk.picture, name, frame)
    return Response(data, media_type=media, headers=headers)


@operation(
    "GET",
    "/v1/labels/{name}/export.{kind}",
    area=AREA,
    summary="Fetch the labels of a document in another format.",
    places=(NAME, KIND),
    answers={200: Answer("The labels.", {"text/plain": {"type": "string"}, JSON: {"type": "object"}})},
    errors=(404, 422),
)
async def give_labels(request: Request) -> Response:
    """Give a document as a file."""
    here = context(request)
    query(request)
    kind = KIND.read(request.path_params["kind"])
    data = await here.away(here.part(Desk).given, _name(request), kind)
    headers = {"Content-Disposition": f'attachment; filename="labels.{kind}"'}
    return Response(data, media_type="text/plain" if kind == "txt" else JSON, headers=headers)


def routes(engine: Engine) -> list[BaseRoute]:  # noqa: ARG001 - every area is made alike
    """Return the routes of this area."""
    return paths(list_labels, show_labels, edit_labels, undo_labels, redo_labels, show_frame, give_labels)


def _name(request: Request) -> str:
    return str(NAME.read(request.path_params["name"]))


async def _said(request: Request, parameters: tuple[Parameter, ...]) -> tuple[Context, dict[str, Any]]:
    """Return what a body of JSON says, and the server that it says it to."""
    here = context(request)
    query(request)
    body_type(request, (JSON,), default=JSON)
    body = await read_limited(request, min(here.run.max_body, LONGEST_OBJECT))
    if not body.strip():
        raise BadRequest(f"The body must be a JSON object with {parameters[0].name}; it is empty. Send one.")
    return here, json_object(body, parameters)
