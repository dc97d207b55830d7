"""Detectors that need no weights: `motion` watches a static camera, `file` replays what another program found."""
