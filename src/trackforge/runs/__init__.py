"""A run is data: declared once, described in Python, TOML, flags, environment variables or hyperparameters.

>>> from trackforge.runs import TrackingRun, carry_out, plan
>>> run = TrackingRun(sources=("synthetic",), source={"frames": 5, "size": (160, 120)}, tracker="iou")
>>> [(result.name, result.frames) for result in carry_out(plan(run)).results]
[('street', 5)]

A job (`TrackingRun`, `trackforge.tuning.TuningRun`, `trackforge.training.run.TrainingRun`) is a dataclass of settings.
`Layer` holds what one place says about it, whatever the spelling; `plan` puts layers together and checks them, `run`
tracks, `carry_out` scores and writes a `Summary`, too. Nothing here prints or needs the command line's packages. What
is public here is listed in ``__init__.pyi``.
"""

from trackforge._lazy import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
