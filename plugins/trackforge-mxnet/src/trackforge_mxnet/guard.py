"""No file may make torch ask for any amount of memory: sizes are worked out before anything is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from trackforge.intake.limits import check_limit

__all__ = ["guarded"]


class _Guard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Carries out each operation on shapes alone first."""

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._path = path

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        words = dict(kwargs or {})
        if not _is_view(func):
            self._check(func, args, words)
        return func(*args, **words)

    def _check(self, func: Any, args: tuple[Any, ...], words: dict[str, Any]) -> None:
        if words.get("device") is not None:
            words = {**words, "device": "meta"}
        try:
            shapes = func(
                *tree_map_only(torch.Tensor, _shape_of, args), **tree_map_only(torch.Tensor, _shape_of, words)
            )
        except Exception:  # noqa: BLE001 - it depends on values, or is for one device only: such are small
            return
        for made in tree_leaves(shapes):
            if isinstance(made, torch.Tensor):
                what = f"A tensor of shape {tuple(made.shape)}, in bytes,"
                check_limit("bytes", made.numel() * made.element_size(), what, path=self._path)


def _shape_of(value: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")


def _is_view(func: Any) -> bool:
    return bool(getattr(func, "is_view", False))


@contextlib.contextmanager
def guarded(path: str) -> Iterator[None]:
    """Check sizes within a block of code, in this thread.

    Args:
        path: The file, for messages.

    Raises:
        DataError: A tensor would be larger than the limit ``bytes``.
    """
    with _Guard(path):
        yield
