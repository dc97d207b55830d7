"""The commands and how they hang together; each is imported when it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cyclopts import App, Parameter

import trackforge
from trackforge.cli.environment import warn_of_misspelt
from trackforge.cli.printing import put
from trackforge.intake.addresses import STDIN, STDOUT

__all__ = ["app", "call", "spelt"]

HELP = """Track objects in videos, and score, convert and export what that takes.

    trackforge demo                                  # makes demo/street.mp4 to try the rest on
    trackforge track demo/street.mp4 -o out/
    trackforge track street.mp4 --detector yolox --set detector.weights=yolox-s --tracker byte -o out/
    trackforge eval MOT17/train results/ --preprocessing mot17
    trackforge info tracker byte
"""
FIRST = """Track objects in videos. To begin:

  trackforge demo                           # make demo/street.mp4, track it and score the result
  trackforge track demo/street.mp4 -o out/  # a video with boxes and a text file; or any film of yours
  trackforge track 0 --show                 # your camera in a window; q ends
  trackforge plugins                        # which detectors and trackers there are, and how to get more
  trackforge --help                         # all commands; trackforge COMMAND --help shows one
"""
EPILOGUE = """Every command takes --debug (or TRACKFORGE_DEBUG=1) to show where an error came from.

Exit codes: 0 well, 1 failed or bad data, 2 wrong usage, 129, 130 and 143 interrupted with complete outputs.
"""

app = App(
    name="trackforge",
    help=HELP,
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    version=trackforge.__version__,
    default_parameter=Parameter(negative=""),
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command()
for _name, _target, _help in (
    ("track", "track:track", "Track the objects of videos, streams, image folders or MOT sequences."),
    ("detect", "detect:detect", "Find objects in films and in pictures of any sizes, without tracking them."),
    ("count", "count:count", "Count the objects of each class in pictures and films; numbered boxes, CSV, JSON."),
    ("analyze", "analyze:analyze", "Count and measure tracks: lines, zones, dwell, trails, heat, metres and speeds."),
    ("val", "val:val", "Score a detector on a labelled set: AP, curves, confusion, worst pictures."),
    ("eval", "evaluate:evaluate", "Score tracks against ground truth: HOTA, CLEAR, Identity."),
    ("report", "report:report", "Show a run in one HTML file: film, ids over time, speeds, scores, worst moments."),
    ("train", "train:train", "Train a detector on labelled pictures, on one or many devices; resumes exactly."),
    ("tune", "tune:app", "Search for the settings that score best: of trackers and detectors, or of a training."),
    ("label", "label:app", "Label footage by a model, have people check, measure, train, until it is good enough."),
    (
        "serve",
        "serve:serve",
        "Serve detection and tracking over HTTP and WebSocket, with a page; many cameras at once.",
    ),
    ("demo", "demo:demo", "Render a synthetic street, track it and score the result; downloads nothing."),
    ("export", "export:export", "Export a model, say to ONNX."),
    ("convert", "convert:convert", "Convert tracks and data sets from one format to another."),
    ("data", "data:app", "Check, show and convert labelled data sets."),
    ("plugins", "plugins:plugins", "Show what is installed, what is missing and how to get it."),
    ("info", "info:info", "Show versions and devices, the settings of a component, or what weights are."),
):
    app.command(f"trackforge.cli.{_target}", name=_name, help=_help)
BUILT_IN = frozenset(app) - {"--help", "-h"}


def call(tokens: Sequence[str]) -> object:
    """Run a command and return what it returns; plugins are asked only where no built-in command is named.

    Raises:
        CycloptsError: The words are wrong.
        TrackforgeError: What the command raises.
    """
    warn_of_misspelt(os.environ, BUILT_IN)
    if not tokens:
        put(FIRST)
        return 0
    name = tokens[0]
    if name not in BUILT_IN:
        from trackforge.errors import MissingDependencyError
        from trackforge.registry import registry
        from trackforge.registry.official import COMMANDS

        offered = {spec.name: spec for spec, _ in registry().specs("command") if spec.name not in BUILT_IN}
        if name in offered:  # by its name, so that two of one name are told
            return registry().find("command", name).create({})(list(tokens[1:]))
        if name in COMMANDS:
            raise MissingDependencyError(
                f"{name!r} is a command of the plugin {COMMANDS[name]}, which is not installed. Run: pip install "
                f"'{COMMANDS[name]}'"
            )
        for spec in offered.values():  # for the list of commands, and the nearest to a wrong one
            if spec.name not in app:
                app.command(_shown, name=spec.name, help=spec.summary)
    if name == "tune":
        from trackforge.cli.tune import sequences_or_training

        tokens = sequences_or_training(tokens)
    return app(spelt(tokens), exit_on_error=False, print_error=False, result_action="return_value")


def spelt(tokens: Sequence[str]) -> list[str]:
    """Return the words of a command with names of files for hyphens that stand alone, which would be options."""
    return [_standard(word, before) for before, word in zip(["", *tokens], tokens, strict=False)]


def _standard(word: str, before: str) -> str:
    if word in ("-o-", "--out=-"):
        return f"--out={STDOUT[1]}"
    return (STDOUT if before in ("-o", "--out") else STDIN)[1] if word == "-" else word


def _shown() -> None:
    """Stand for a plugin's command in the list; `call` runs the real one."""
