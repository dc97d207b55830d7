"""`import trackforge` stays light, and so do the command line's first words."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

HEAVY = (
    "torch", "cv2", "scipy", "mxnet", "boto3", "matplotlib", "lightning", "av", "lap", "onnxruntime", "pyarrow", "rich",
    "cyclopts", "importlib.metadata", "trackforge.pipeline", "trackforge.metrics", "trackforge.online",
)  # fmt: skip


def interpreter(code: str) -> object:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    answer: object = json.loads(done.stdout)
    return answer


def test_import_loads_nothing_heavy() -> None:
    code = f"import sys, json, trackforge; print(json.dumps({{m: m in sys.modules for m in {HEAVY!r}}}))"
    assert interpreter(code) == dict.fromkeys(HEAVY, False)


def test_types_and_listing_components_load_nothing_heavy() -> None:
    heavy = tuple(name for name in HEAVY if name not in ("importlib.metadata",))
    code = (
        "import sys, json, trackforge; trackforge.Detections, trackforge.Frame, trackforge.tracker\n"
        "from trackforge.registry import registry\n"
        "assert 'byte' in [s.name for s, _ in registry().specs()]\n"
        f"print(json.dumps({{m: m in sys.modules for m in {heavy!r}}}))"
    )
    assert interpreter(code) == dict.fromkeys(heavy, False)


def test_the_conformance_kit_loads_no_network_library() -> None:
    heavy = ("torch", "lightning", "cv2", "onnxruntime", "matplotlib")
    code = f"import sys, json, trackforge.testing; print(json.dumps({{m: m in sys.modules for m in {heavy!r}}}))"
    assert interpreter(code) == dict.fromkeys(heavy, False)


def test_import_takes_less_than_a_quarter_of_a_second() -> None:
    """Of processor time, at best: a busy machine is not our weight."""
    code = "import time; t = time.process_time(); import trackforge; print(time.process_time() - t)"
    seconds = []
    for _ in range(12):
        seconds.append(float(str(interpreter(code))))
        if seconds[-1] < 0.25:
            return
    raise AssertionError(f"import trackforge took {min(seconds):.3f} s at best")


def test_help_takes_less_than_half_a_second() -> None:
    """Of processor time, which a busy machine does not stretch as it does the clock on the wall."""
    best = 9.0
    for _ in range(6):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "trackforge", "--help"], capture_output=True, timeout=300, check=True, env=os.environ
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if best < 0.5:
            return
    raise AssertionError(f"trackforge --help took {best:.3f} s at best")
