"""The ways in which the dialects want their pictures; all stretch them to the input.

=========== ======================================= =====================================================
name        picture                                 weights
=========== ======================================= =====================================================
raw         RGB, 0..255                             SageMaker's ResNet-50; VGG-16 by default, unproven
mean        RGB, 0..255, minus (123, 117, 104)      what mxnet-ssd's own training subtracts
gluoncv     RGB, / 255, ImageNet mean, std          GluonCV
torchvision RGB, / 255, minus a mean, times 255     torchvision
=========== ======================================= =====================================================

What SageMaker's algorithm does before its graph is not published. Its ResNet-50 begins with a norm of the input, whose
running mean says whether pictures came with or without their mean; its VGG-16 says nothing, so ``raw`` is a guess, and
``mean`` is the other one: try both on a few pictures.

Source: zhreshold/mxnet-ssd (MIT), GluonCV (Apache-2.0), torchvision (BSD-3-Clause), AWS samples: numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError
from trackforge.models import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from trackforge_ssd.layout import Variant

__all__ = ["PREPROCESSINGS", "choose", "preprocessing"]

_PLAIN: dict[str, Any] = {"multiple": 1, "fit": "stretch", "order": "rgb"}
PREPROCESSINGS: Mapping[str, Mapping[str, Any]] = {
    "raw": _PLAIN,
    "mean": {**_PLAIN, "mean": (123.0, 117.0, 104.0)},
    "gluoncv": {
        **_PLAIN,
        "interpolation": "adaptive",
        "scale": 255.0,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
    },
    "torchvision": {**_PLAIN, "scale": 255.0, "mean": (0.48235, 0.45882, 0.40784), "std": (1 / 255,) * 3},
}
"""The ways by name, without a size."""
CENTRED = 20.0
"""Mean of an input's running means, below which its mean was subtracted before; of dark pictures it is negative."""


def preprocessing(name: str, size: tuple[int, int]) -> Preprocessing:
    """Return the way of that name for inputs of ``size = (height, width)``."""
    return Preprocessing(size=size, **PREPROCESSINGS[name])


def choose(v: Variant, wanted: str, input_mean: npt.NDArray[np.float32] | None = None) -> str:
    """Return the name of the way for weights of a variant.

    Args:
        v: The variant.
        wanted: A name, or ``"auto"``.
        input_mean: Running mean of the norm of the input, where the network has one.

    Raises:
        ConfigError: Another dialect's is wanted.
    """
    known = ("raw", "mean") if v.dialect == "sagemaker" else (v.dialect,)
    if wanted != "auto":
        if wanted not in known:
            raise ConfigError(
                f"preprocessing must be {' or '.join(known)} for weights of {v.dialect}; got {wanted!r}. Leave it out."
            )
        return wanted
    if input_mean is not None and float(np.mean(input_mean)) < CENTRED:
        return "mean"
    return known[0]
