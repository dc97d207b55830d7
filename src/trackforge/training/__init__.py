"""Training of detectors: one loop for every model.

A plugin offers a `Recipe` and a `TrainingModule` with its losses; `fit` does the rest: several devices and machines,
mixed precision, averaged weights, checkpoints that resume exactly, validation, logs.

>>> from trackforge import training, data
>>> people = data.read("people.json")                                                   # doctest: +SKIP
>>> recipe = training.trainer("yolox", variant="nano")                                  # doctest: +SKIP
>>> settings = training.settings_for(recipe, epochs=10)                                 # doctest: +SKIP
>>> training.fit(recipe, people, None, settings, "runs/people").model                   # doctest: +SKIP

Importing this loads neither torch nor Lightning; using `fit` or `TrainingModule` does. What is public here is listed in
``__init__.pyi``.
"""

from trackforge._lazy import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
