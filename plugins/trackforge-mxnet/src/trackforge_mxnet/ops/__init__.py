"""Operators of MXNet on torch, one module a family; `trackforge_mxnet.operators.load_operators` gathers them."""
