"""Activations, softmax in its many spellings, and the outputs of training graphs, which at inference ignore labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.operators import Function, operator

__all__: list[str] = []

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": functional.logsigmoid,
    "mish": functional.mish,
    "tanh": torch.tanh,
    "softrelu": functional.softplus,
    "softsign": functional.softsign,
}


@operator("Activation")
def _activation(attributes: Attributes) -> Function:
    return _ACTIVATIONS[attributes.text("act_type", "", tuple(_ACTIVATIONS))]


@operator("LeakyReLU")
def _leaky_relu(attributes: Attributes) -> Function:
    kind = attributes.text("act_type", "leaky", ("leaky", "prelu", "elu", "selu", "gelu", "rrelu"))
    slope = attributes.number("slope", 0.25)
    lower, upper = attributes.number("lower_bound", 0.125), attributes.number("upper_bound", 0.334)

    def prelu(data: Tensor, gamma: Tensor) -> Tensor:
        if gamma.numel() > 1:
            gamma = gamma.reshape((1, -1) + (1,) * (data.ndim - 2))
        return torch.where(data > 0, data, data * gamma)

    functions: dict[str, Function] = {
        "leaky": lambda data: functional.leaky_relu(data, slope),
        "prelu": prelu,
        "elu": lambda data: functional.elu(data, slope),
        "selu": functional.selu,
        "gelu": functional.gelu,
        "rrelu": lambda data: functional.leaky_relu(data, (lower + upper) / 2),
    }
    return functions[kind]


@operator("hard_sigmoid")
def _hard_sigmoid(attributes: Attributes) -> Function:
    alpha, beta = attributes.number("alpha", 0.2), attributes.number("beta", 0.5)
    return lambda data: (alpha * data + beta).clamp(0, 1)


def _softmax_of(kind: str) -> Callable[[Attributes], Function]:
    def make(attributes: Attributes) -> Function:
        axis = attributes.whole("axis", -1)
        warmth = attributes.number("temperature", 1.0)
        attributes.text("dtype", "None", ("None", "float32"))
        if attributes.flag("use_length", default=False):
            raise attributes.refuse("use_length", "must be False")

        def run(data: Tensor) -> Tensor:
            data = data if warmth == 1 else data / warmth
            if kind == "log_softmax":
                return functional.log_softmax(data, axis)
            return functional.softmax(-data if kind == "softmin" else data, axis)

        return run

    return make


for _kind in ("softmax", "log_softmax", "softmin"):
    operator(_kind)(_softmax_of(_kind))


def _over_the_rest(data: Tensor) -> Tensor:
    return functional.softmax(data.flatten(1), 1).reshape(data.shape)


@operator("SoftmaxActivation")
def _softmax_activation(attributes: Attributes) -> Function:
    # Of more than two axes, MXNet's own implementations differ for "instance"; this is what its manual says.
    if attributes.text("mode", "instance", ("instance", "channel")) == "channel":
        return lambda data: functional.softmax(data, 1)
    return _over_the_rest


@operator("SoftmaxOutput", "Softmax", taken=1)
def _softmax_output(attributes: Attributes) -> Function:
    by_channel = attributes.flag("multi_output", default=False)
    keeps_shape = attributes.flag("preserve_shape", default=False)
    for name in ("grad_scale", "ignore_label", "smooth_alpha"):
        attributes.number(name, 0.0)
    attributes.flag("use_ignore", default=False)
    attributes.flag("out_grad", default=False)
    attributes.text("normalization", "null")
    if by_channel:
        return lambda data: functional.softmax(data, 1)
    return (lambda data: functional.softmax(data, -1)) if keeps_shape else _over_the_rest


@operator("LogisticRegressionOutput", taken=1)
def _logistic(attributes: Attributes) -> Function:
    attributes.number("grad_scale", 1.0)
    return torch.sigmoid


@operator("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput", taken=1)
def _as_it_is(attributes: Attributes) -> Function:
    for name in ("grad_scale", "margin", "regularization_coefficient"):
        attributes.number(name, 1.0)
    attributes.flag("use_linear", default=False)
    return lambda data: data


@operator(
    "MakeLoss",
    "make_loss",
    "BlockGrad",
    "stop_gradient",
    "_copy",
    "identity",
    "IdentityAttachKLSparseReg",
    "_identity_with_attr_like_rhs",
    "_copyto",
    "_CrossDeviceCopy",
    taken=1,
)
def _identity(attributes: Attributes) -> Function:
    for name in ("grad_scale", "valid_thresh", "sparseness_target", "penalty"):
        attributes.number(name, 0.0)
    attributes.text("normalization", "null")
    return lambda data: data


@operator("Dropout")
def _dropout(attributes: Attributes) -> Function:
    attributes.number("p", 0.5)
    attributes.text("mode", "training", ("training",))
    attributes.wholes("axes", ())
    return lambda data: data
