"""Which detector is taken where nobody names one: a network whose weights are at hand, else what moves.

A network counts whose plugin is installed, of whose published weights a file lies in the cache, and whose engine (ONNX
Runtime for ``.onnx``, torch for checkpoints) is installed: nothing is downloaded unasked. Plugins say by
``ComponentSpec.catalogue`` what is published; reading it imports no engine.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError, TrackforgeError, did_you_mean
from trackforge.intake.showing import visible
from trackforge.registry import registry
from trackforge.registry.bundles import MODEL_SUFFIXES, component_for
from trackforge.registry.spec import ComponentSpec
from trackforge.runs.component import Component
from trackforge.runs.layers import Layer, choose
from trackforge.runs.tracking import DETECTOR

__all__ = ["Choice", "choose_detector", "published_networks"]

log = logging.getLogger(__name__)
ENGINES = {".onnx": "onnxruntime", ".pth": "torch"}
"""What must be installed to run a published file, by its form."""
BACKENDS = {".onnx": "onnx", ".pth": "torch"}
"""How a network's setting ``backend`` calls them."""


@dataclass(frozen=True)
class Choice:
    """A component, and why it was taken: a part of a sentence, empty where somebody asked for it by name."""

    component: Component
    why: str = ""

    def __str__(self) -> str:
        return f"{self.component.kind}: {self.component.name}" + (f", {self.why}" if self.why else "")


def choose_detector(layers: Sequence[Layer], weights: str | Path | None = None) -> Choice:
    """Find out which detector is wanted, or which to take where none is.

    Args:
        layers: What all places say, from weak to strong. Settings without a name belong to whatever is taken, so that
            only detectors that have them all come into question.
        weights: Weights that somebody asked for beside the detector: a file or a published name.

    Raises:
        ConfigError: A setting is unknown or wrong, or no detector has weights of that name.
        WeightsError: The weights are a file that is not there, or does not say which detector it is of.
        UnknownComponentError: A detector that was asked for is not there.
    """
    tables = [layer.tables["detector"] for layer in layers if layer.tables.get("detector")]
    if any(str(table.get("name", "")) for table in tables):
        return Choice(choose("detector", layers, DETECTOR))
    given = next((str(one) for one in (weights, *(table.get("weights") for table in reversed(tables))) if one), "")
    said = {str(key).replace("-", "_") for table in tables for key in table if key != "name"}
    if given:
        spec, settings, why = _of_weights(given)
        return Choice(_completed(spec, settings, layers), why)
    for spec, settings, why in _at_hand():
        if not said or said <= {s.name for s in spec.settings()}:
            return Choice(_completed(spec, settings, layers), why)
    return Choice(choose("detector", layers, DETECTOR), _nothing_better(said))


def _completed(spec: ComponentSpec, settings: Mapping[str, Any], layers: Sequence[Layer]) -> Component:
    """Put what was found out below what was said."""
    return choose("detector", [Layer("", {"detector": {"name": spec.name, **settings}}), *layers])


def published_networks() -> list[tuple[ComponentSpec, Any]]:
    """Return every detector that has published weights, with their catalogue; a broken plugin harms nobody.

    The highest rank comes first, and of one rank those whose weights a program can download.
    """
    found = []
    for spec, owner in registry().specs("detector"):
        if not spec.catalogue or spec.missing():
            continue
        try:
            found.append((spec, spec.load_catalogue()))
        except TrackforgeError as error:
            log.warning("the weights of detector %s (%s) cannot be listed: %s", spec.name, owner, error)
    return sorted(found, key=lambda pair: (-pair[1].rank, not pair[1].downloadable))


def _of_weights(given: str) -> tuple[ComponentSpec, dict[str, Any], str]:
    """Find the detector of a published name or of a file."""
    catalogues = published_networks()
    for spec, catalogue in catalogues:
        if given in catalogue.names:
            return spec, {"weights": given}, f"whose weights {given} are"
    path = Path(given).expanduser()
    if not given.lower().endswith(MODEL_SUFFIXES) and not path.is_file():
        known = [name for _, catalogue in catalogues for name in catalogue.names]
        raise ConfigError(
            f"weights must be a file or a published name; there is no file {given!r}.{did_you_mean(given, known)} "
            f"Names: {', '.join(known) or 'none, since no installed detector has published weights'}."
        )
    try:
        spec, settings = component_for("detector", path)
    except TrackforgeError:
        for spec, catalogue in catalogues:  # as it was published: a checkpoint that says nothing of itself
            if path.is_file() and catalogue.named_by(path):
                return spec, {"weights": str(path)}, f"as whose {catalogue.named_by(path)} {path.name} is published"
        raise
    return spec, settings, f"which reads {visible(path.name)}"


def _at_hand() -> Iterator[tuple[ComponentSpec, dict[str, Any], str]]:
    """Yield the networks that can run without a download, best first."""
    for spec, catalogue in published_networks():
        for name, forms in catalogue.at_hand():
            runs = [form for form in forms if form in ENGINES and importlib.util.find_spec(ENGINES[form]) is not None]
            if runs:
                settings: dict[str, Any] = {"weights": name}
                if len(runs) == 1 and any(s.name == "backend" for s in spec.settings()):
                    settings["backend"] = BACKENDS[runs[0]]  # else a GPU would ask for the form that is not there
                yield spec, settings, f"weights {name} found in the cache"


def _nothing_better(said: set[str]) -> str:
    """Say why the detector without weights is taken, and how to get another."""
    for spec, catalogue in published_networks():
        if said and not said <= {s.name for s in spec.settings()}:
            return "which has the settings given"
        got = f"--detector {spec.name} downloads {catalogue.preferred[0]} once, " if catalogue.downloadable else ""
        return f"since no network's weights are at hand; {got}'trackforge info detector' shows what else there is"
    return "since no network is installed; 'trackforge plugins' shows how to get one"
