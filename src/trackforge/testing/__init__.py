"""For everybody who writes components: a conformance kit, a synthetic world with ground truth, Hypothesis strategies.

>>> import trackforge
>>> from trackforge.testing import check_tracker
>>> check_tracker(lambda: trackforge.tracker("byte"))

`check_detector`, `check_associator`, `check_motion_model`, `check_tracker`, `check_source` and `check_sink` try every
rule of a protocol on your component and say which ones it breaks. `trackforge.synthetic.world` makes scenes whose truth
is known; `trackforge.testing.strategies` makes inputs for property tests (needs the extra ``testing``).
"""

from __future__ import annotations

from trackforge.testing import conformance
from trackforge.testing.conformance import *  # noqa: F403 - the kit is what this package is for

__all__ = conformance.__all__
