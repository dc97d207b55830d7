"""Weights and inputs without any checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from golden_formula import FORMULA


@pytest.fixture(scope="session")
def formula() -> SimpleNamespace:
    """``tensor(name, shape)``, ``image(seed, shape)`` and ``fill(network, variances)``."""
    return FORMULA


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Keep the tests polite on shared machines."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
