"""Search for the settings that score best, over any settings of detector, association, motion and lifecycle.

Needs Optuna (``trackforge-mot[tune]``), but not before a search begins. The command is ``trackforge tune``.

In Python, a `Setup` of components, a space from `search_space`, sequences as `Footage`, and a `Library` of their
detections make a `Problem`; `tune` searches, and `write` writes what it found. `TuningRun` declares a whole search, as
the command and configuration files know it.
"""

from trackforge.runs.component import Component
from trackforge.runs.recordings import Footage
from trackforge.runs.setups import Setup
from trackforge.tuning.library import Library, footage_of_folder
from trackforge.tuning.objective import Objective
from trackforge.tuning.problem import Problem, split
from trackforge.tuning.report import facts, text, toml, write
from trackforge.tuning.run import TuningRun
from trackforge.tuning.space import Choice, Dimension, Range, parse
from trackforge.tuning.spaces import default_space, search_space
from trackforge.tuning.study import Search, Trial
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
    "TuningRun",
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
