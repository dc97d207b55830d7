"""Search for the settings with which a training scores best, over any settings of trainer and loop.

Needs Optuna (``trackforge-mot[tune]``), but not before a search begins. The command is ``trackforge tune train``.

In Python, a `trackforge.training.run.TrainingRun` and a space make a `Problem`; `tune` searches, and `write` writes
what it found: among it ``retrain.toml``, a job that trains on all pictures with the best values. `TrainingSearch`
declares a whole search, as the command and configuration files know it. The loop itself is `trackforge.training`.
"""

from trackforge.tuning.study import Search
from trackforge.tuning.training.outcome import Outcome
from trackforge.tuning.training.question import Problem
from trackforge.tuning.training.repeating import Repeat
from trackforge.tuning.training.report import facts, retrain_command, text, toml, write
from trackforge.tuning.training.run import TrainingSearch
from trackforge.tuning.training.space import search_space
from trackforge.tuning.training.trials import TrainingTrial
from trackforge.tuning.training.tuning import tune

__all__ = [
    "Outcome",
    "Problem",
    "Repeat",
    "Search",
    "TrainingSearch",
    "TrainingTrial",
    "facts",
    "retrain_command",
    "search_space",
    "text",
    "toml",
    "tune",
    "write",
]
