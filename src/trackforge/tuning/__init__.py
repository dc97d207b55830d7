"""Search for the settings that score best, over any settings of detector, association, motion and lifecycle.

Needs Optuna (``trackforge-mot[tune]``), but not before a search begins. The command is ``trackforge tune``; in Python::

    from trackforge import tuning

    footage = [tuning.Footage(name, source, truth), ...]
    setup = tuning.Setup(tuning.Component("tracker", "byte"), tuning.Component("detector", "file", {"path": "det.txt"}))
    space = tuning.search_space(setup, {"tracker.high_score": "0.4:0.8", "tracker.max_lost": None})
    problem = tuning.Problem(setup=setup, space=space, train=footage, library=tuning.Library(setup.detector, space))
    outcome = tuning.tune(problem, "out/study.journal", trials=100)
    tuning.write(outcome, "out")
"""

from trackforge.tuning.folders import footage_of_folder
from trackforge.tuning.objective import Objective
from trackforge.tuning.optimising import Search, Trial
from trackforge.tuning.problem import Problem, split
from trackforge.tuning.recordings import Footage, Library
from trackforge.tuning.report import facts, text, toml, write
from trackforge.tuning.setups import Component, Setup
from trackforge.tuning.space import Choice, Dimension, Range, parse
from trackforge.tuning.spaces import default_space, search_space
from trackforge.tuning.tuning import Outcome, tune

__all__ = [
    "Choice",
    "Component",
    "Dimension",
    "Footage",
    "Library",
    "Objective",
    "Outcome",
    "Problem",
    "Range",
    "Search",
    "Setup",
    "Trial",
    "default_space",
    "facts",
    "footage_of_folder",
    "parse",
    "search_space",
    "split",
    "text",
    "toml",
    "tune",
    "write",
]
