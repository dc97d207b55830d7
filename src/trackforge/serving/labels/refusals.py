"""What is refused about labels, beside what any request may be refused (`trackforge.serving.refusals`)."""

from __future__ import annotations

from trackforge.serving.refusals import Refusal

__all__ = ["LabelsChanged", "NoLabels", "NoPicture", "UnknownLabels", "UnreadableLabels"]


class NoLabels(Refusal):
    """The server was started without a folder of labels."""

    status = 404


class UnknownLabels(Refusal):
    """No document of the folder has that name."""

    status = 404


class UnreadableLabels(Refusal):
    """The document is there, and cannot be read."""

    status = 422


class LabelsChanged(Refusal):
    """The document is another than the one that an edit was made for."""

    status = 409


class NoPicture(Refusal):
    """There is no picture of a frame where the document says."""

    status = 404
