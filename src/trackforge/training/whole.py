"""What is trained on and what is validated on, put together for a last training on all of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import numpy as np

from trackforge import data
from trackforge.data import Dataset
from trackforge.errors import InvalidInputError

__all__ = ["with_folders", "with_parts"]

log = logging.getLogger(__name__)


def with_parts(given: Sequence[Dataset], more: Sequence[Dataset]) -> Dataset:
    """Put sets together with further parts of the same sets, one for each: identities and sequences stay.

    Args:
        given: What is trained on.
        more: What is validated on.
    """
    return _mixed([_joined(one, other) for one, other in zip(given, more, strict=True)])


def with_folders(given: Sequence[Dataset], more: Dataset) -> Dataset:
    """Put sets together with another: pictures that lie in the folders of a set are a part of it, identities included.

    Args:
        given: What is trained on.
        more: What is validated on; who is in none of these folders is somebody else.
    """
    joined, rest = [], more
    for one in given:
        known = set(_folders(one)) - {""}
        same = np.array([folder in known for folder in _folders(rest)], bool)
        joined.append(_joined(one, rest[same]) if same.any() else one)
        rest = rest[~same]
    return _mixed([*joined, rest] if len(rest) else joined)


def _mixed(sets: Sequence[Dataset]) -> Dataset:
    return sets[0] if len(sets) == 1 else data.concatenate(sets)


def _joined(one: Dataset, other: Dataset) -> Dataset:
    try:
        return data.concatenate([one, other], identities="shared")
    except InvalidInputError as error:  # parts may count the frames of one sequence from 0 each
        log.warning(
            "%s What is trained on and what is validated on are taken for two sets: whoever is in both is two "
            "identities, and a picture that is in both counts twice.",
            error,
        )
        return data.concatenate([one, other])


def _folders(dataset: Dataset) -> list[str]:
    """Return where each picture lies, absolute; empty where it has no file."""
    root = os.path.abspath(dataset.root)  # noqa: PTH100 - lexical: links stay as they are
    places = dataset.images.path.tolist()
    return [os.path.normpath(os.path.join(root, os.path.dirname(path))) if path else "" for path in places]  # noqa: PTH118, PTH120
