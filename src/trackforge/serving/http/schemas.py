"""Schemas of what several operations give: steps and detections (`trackforge.serving.answers`), sessions."""

from __future__ import annotations

from typing import Any

__all__ = ["ANALYTICS", "DETECTIONS", "ID", "PICTURE", "SESSION", "STEP"]

_BOX = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
    "description": "Left, top, right, bottom in pixels.",
}
_ABOUT = {
    "frame": {"type": "integer", "minimum": 0},
    "timestamp": {"type": ["number", "null"], "description": "Seconds since the start of the sequence."},
    "width": {"type": "integer", "minimum": 0},
    "height": {"type": "integer", "minimum": 0},
}
_OBJECT = {
    "xyxy": _BOX,
    "score": {"type": "number"},
    "class_id": {"type": "integer"},
    "class": {"type": "string", "description": "Its name, where the detector knows one."},
    "mask": {"type": "object", "description": "Run lengths as COCO has them, where the detector gives masks."},
}


def _rows(name: str, **more: Any) -> dict[str, Any]:
    row = {
        "type": "object",
        "required": [*more, "xyxy", "score", "class_id"],
        "properties": more | _OBJECT,
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "required": [*_ABOUT, name],
        "properties": _ABOUT | {name: {"type": "array", "items": row}},
    }


STEP: dict[str, Any] = _rows("tracks", track_id={"type": "integer", "minimum": 1})
ANALYTICS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "object"},
    "description": "By the name of each analytic.",
}
STEP["properties"] |= {
    "analytics": {**ANALYTICS, "description": "What each analytic knows now, by its name; where the server has some."},
    "events": {
        "type": "array",
        "items": {"type": "object", "required": ["analytic", "kind", "frame"]},
        "description": "What happened in this frame, by the analytics: crossings, entries, exits.",
    },
}
DETECTIONS: dict[str, Any] = _rows("detections")
ID: dict[str, Any] = {"type": "string", "pattern": "^[a-z0-9]{8,64}$"}
SESSION: dict[str, Any] = {
    "type": "object",
    "required": [
        "id",
        "name",
        "policy",
        "frames",
        "dropped",
        "failed",
        "last_index",
        "created",
        "expires_at",
        "classes",
    ],
    "properties": {
        "id": {"type": "string", "description": "Who knows it may use the session."},
        "name": {"type": "string"},
        "policy": {"enum": ["every", "newest"]},
        "frames": {"type": "integer", "minimum": 0, "description": "Frames that were tracked."},
        "dropped": {"type": "integer", "minimum": 0, "description": "Frames that gave way to newer ones."},
        "failed": {"type": "integer", "minimum": 0, "description": "Frames that could not be tracked."},
        "last_index": {
            "type": "integer",
            "minimum": -1,
            "description": "Index of the last frame that was tracked, -1 before the first: the next must be greater.",
        },
        "created": {"type": "string", "format": "date-time"},
        "expires_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it ends, if no frame comes; null for never.",
        },
        "classes": {"type": "array", "items": {"type": "string"}},
    },
}
PICTURE: dict[str, Any] = {"type": "string", "contentMediaType": "image/jpeg"}
