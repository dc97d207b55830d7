"""Plugins: real distributions on the path of a real interpreter; broken ones harm nobody."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import trackforge
from trackforge.config import check, setting
from trackforge.errors import (
    ConfigError,
    DuplicateComponentError,
    InvalidInputError,
    MissingDependencyError,
    PluginError,
    UnknownComponentError,
)
from trackforge.registry import ComponentSpec, Registry, hookimpl, registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class GreedyConfig:
    limit: float = setting(0.3, help="Least overlap.", minimum=0, maximum=1)

    def __post_init__(self) -> None:
        check(self)


class Greedy:
    def __init__(self, config: GreedyConfig) -> None:
        self.config = config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    """A component that is its own config."""

    size: int = setting(2, help="A number.")

    def __post_init__(self) -> None:
        check(self)


class Plain:
    """A component without settings."""


def spec(name: str = "greedy", target: str = "Greedy", config: str = "GreedyConfig", **more: Any) -> ComponentSpec:
    config = f"{__name__}:{config}" if config else ""
    return ComponentSpec(kind="associator", name=name, target=f"{__name__}:{target}", config=config, **more)


class Plugin:
    def __init__(self, *specs: object) -> None:
        self.specs = specs

    @hookimpl
    def trackforge_components(self) -> Iterator[Any]:
        yield from self.specs


@pytest.fixture
def fresh() -> Registry:
    made = Registry()
    made._walked = True  # only what a test registers
    return made


def test_components_are_made_from_settings(fresh: Registry) -> None:
    fresh.register(Plugin(spec(), spec("whole", "Whole", ""), spec("plain", "Plain", "")), "mine")
    greedy = fresh.create("associator", "greedy", {"limit": "0.5"})
    assert isinstance(greedy, Greedy)
    assert greedy.config.limit == 0.5
    assert fresh.create("associator", "whole", {"size": 3}) == Whole(size=3)
    assert isinstance(fresh.create("associator", "plain", {}), Plain)
    with pytest.raises(ConfigError, match="'plain' has no settings; got 'limit'"):
        fresh.create("associator", "plain", {"limit": 1})
    with pytest.raises(ConfigError, match="Did you mean 'limit'"):
        fresh.create("associator", "greedy", {"limt": 1})
    assert [s.name for s in fresh.find("associator", "greedy").settings()] == ["limit"]
    assert fresh.find("associator", "plain").settings() == ()


def test_threads_may_ask_at_once() -> None:
    """Whoever comes while plugins are being loaded waits for all of them."""
    fresh, start = Registry(), threading.Barrier(8)

    def ask(_: int) -> str:
        start.wait()
        return fresh.find("tracker", "online").name

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["online"] * 8


def test_an_unknown_name_suggests_the_nearest(fresh: Registry) -> None:
    fresh.register(Plugin(spec()), "mine")
    with pytest.raises(
        UnknownComponentError, match=r"no associator 'greddy'. Did you mean 'greedy'\? Installed: greedy"
    ):
        fresh.find("associator", "greddy")
    with pytest.raises(UnknownComponentError, match=r"no tracker 'x'. Installed: none"):
        fresh.find("tracker", "x")
    with pytest.raises(InvalidInputError, match="A tracker is found by its name, a string; got 3"):
        trackforge.tracker(3)  # type: ignore[arg-type]


def test_two_plugins_of_one_name_are_an_error_for_that_name_only(fresh: Registry) -> None:
    fresh.register(Plugin(spec(), spec("other")), "one", distribution="dist-one")
    fresh.register(Plugin(spec()), "two", distribution="dist-two")
    with pytest.raises(DuplicateComponentError, match=r"dist-one, dist-two. Uninstall one"):
        fresh.find("associator", "greedy")
    assert fresh.find("associator", "other").name == "other"
    fresh.unregister("two")
    assert fresh.find("associator", "greedy").name == "greedy"
    with pytest.raises(PluginError, match="No plugin is registered as 'two'"):
        fresh.unregister("two")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (object(), "has no trackforge_components hook"),
        (Plugin("greedy"), "must give ComponentSpec objects; got 'greedy'"),
    ],
)
def test_what_is_no_plugin_is_refused_and_leaves_nothing(fresh: Registry, plugin: object, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        fresh.register(plugin, "mine")
    assert list(fresh.specs()) == []
    fresh.register(Plugin(spec()), "mine")  # the name is free


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "detecter"}, "kind must be one of"),
        ({"target": "a.b"}, "target must read"),
        ({"config": "x"}, "config"),
    ],
)
def test_specs_are_checked(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        ComponentSpec(**{"kind": "sink", "name": "x", "target": "a:B", **wrong})


def test_targets_that_cannot_be_had_say_why(fresh: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_absent.py").write_text("import surely_absent\n")
    (tmp_path / "half_written.py").write_text("raise ValueError('half written')\n")
    (tmp_path / "wrong_name.py").write_text("from json import surely_absent\n")

    def make(target: str, **more: Any) -> None:
        ComponentSpec(kind="detector", name="d", target=target, **more).create({})

    with pytest.raises(
        MissingDependencyError, match="needs surely_absent, which is not installed; run: pip install"
    ) as e:
        make("needs_absent:X")
    assert e.value.name == "surely_absent"
    with pytest.raises(MissingDependencyError, match="run: pip install 'my-plugin"):
        make("json:loads", requires=("surely_absent",), install="my-plugin[gpu]")
    with pytest.raises(MissingDependencyError, match="needs absent_a and absent_b, which are not installed"):
        make("json:loads", requires=("absent_a", "absent_b"))
    with pytest.raises(PluginError, match="ValueError: half written"):
        make("half_written:X")
    with pytest.raises(PluginError, match="cannot import name 'surely_absent' from 'json'"):
        make("wrong_name:X")
    with pytest.raises(PluginError, match="but json has no 'Nothing'"):
        make("json:Nothing")
    with pytest.raises(PluginError, match="cannot be imported: ModuleNotFoundError"):
        make("json.nothing_such:X")


def test_file_endings_tell_the_component(fresh: Registry) -> None:
    sinks = [
        ComponentSpec(kind="sink", name=name, target="json:loads", suffixes=suffixes)
        for name, suffixes in (
            ("a", (".txt", ".csv")),
            ("b", (".tar.gz",)),
            ("c", (".csv",)),
            ("d", ()),
            ("e", (".labels.txt",)),
        )
    ]
    fresh.register(Plugin(*sinks), "mine")
    assert fresh.for_file("sink", "x/Y.TXT").name == "a"
    assert fresh.for_file("sink", Path("x.tar.gz")).name == "b"
    assert fresh.for_file("sink", "x.labels.txt").name == "e", "the longest ending that fits"
    with pytest.raises(DuplicateComponentError, match="fits several components: a, c"):
        fresh.for_file("sink", "x.csv")
    with pytest.raises(UnknownComponentError, match=r"no sink is known for 'x.gz'. Known: .txt \(a\)"):
        fresh.for_file("sink", "x.gz")


def test_core_offers_its_components_by_the_same_door() -> None:
    kinds = {spec.kind for spec, owner in registry().specs() if owner == "trackforge-mot"}
    assert kinds == {"detector", "motion", "tracker", "analytic", "source", "sink", "dataset"}
    assert trackforge.sink("out.txt").config.path == Path("out.txt")  # type: ignore[attr-defined]


# Real distributions in a fresh interpreter.


def distribution(folder: Path, name: str, code: str, *, entry: str = "") -> None:
    """Put a distribution with one entry point on disk, as an installer does."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[trackforge]\n{entry or name} = {module}\n")


GOOD = """
    from trackforge.registry import ComponentSpec, hookimpl

    @hookimpl
    def trackforge_components():
        return [ComponentSpec(kind="tracker", name="{name}", target="{module}:Never", summary="A tracker.")]
"""
LIST = """
    import json, warnings
    from trackforge.registry import registry

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names = [spec.name for spec, _ in registry().specs("tracker")]
    print(json.dumps({
        "trackers": names,
        "broken": [[b.plugin, b.distribution, b.reason] for b in registry().broken()],
        "warnings": [str(w.message) for w in caught],
    }))
"""


def ask(folder: Path, code: str = LIST, **environment: str) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )
    return json.loads(done.stdout), done.stderr


def test_an_installed_plugin_is_found_without_importing_its_target(tmp_path: Path) -> None:
    distribution(tmp_path, "tf-good", GOOD.format(name="good-one", module="nowhere_at_all"))
    answer, _ = ask(tmp_path)
    assert "good-one" in answer["trackers"]
    assert answer["broken"] == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import surely_absent", "ModuleNotFoundError: No module named 'surely_absent'"),
        ("def (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "it has no trackforge_components hook"),
        (
            "from trackforge.registry import hookimpl\n@hookimpl\ndef trackforge_components():\n    return [1]",
            "must give ComponentSpec objects; got 1",
        ),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "from trackforge.registry import hookimpl\n@hookimpl\ndef trackforge_components():\n    raise OSError(1)",
            "OSError: 1",
        ),
        (
            "from trackforge.registry import ComponentSpec, hookimpl\n@hookimpl\ndef trackforge_components():\n"
            "    yield ComponentSpec(kind='tracer', name='x', target='a:B')",
            "kind must be one of",
        ),
    ],
)
def test_a_broken_plugin_warns_by_name_and_harms_nobody(tmp_path: Path, code: str, reason: str) -> None:
    distribution(tmp_path, "tf-broken", code)
    distribution(tmp_path, "tf-good", GOOD.format(name="good-one", module="tf_good"))
    answer, _ = ask(tmp_path)
    assert "good-one" in answer["trackers"]
    assert "online" in answer["trackers"]
    [(plugin, owner, told)] = answer["broken"]
    assert (plugin, owner) == ("tf-broken", "tf-broken")
    assert reason in told
    assert [w for w in answer["warnings"] if "'tf-broken'" in w and reason in w]


def test_plugins_can_be_left_out(tmp_path: Path) -> None:
    distribution(tmp_path, "tf-good", GOOD.format(name="good-one", module="tf_good"), entry="goody")
    distribution(tmp_path, "tf-broken", "1 / 0", entry="baddy")
    answer, _ = ask(tmp_path, TRACKFORGE_DISABLE_PLUGINS="goody, baddy")
    assert "good-one" not in answer["trackers"]
    assert answer["broken"] == []
    assert "online" in answer["trackers"]


def test_loading_can_be_traced(tmp_path: Path) -> None:
    distribution(tmp_path, "tf-good", GOOD.format(name="good-one", module="tf_good"))
    _, quiet = ask(tmp_path)
    assert "tf-good" not in quiet
    _, traced = ask(tmp_path, TRACKFORGE_TRACE_PLUGINS="1")
    assert "plugin tf-good (tf-good): loaded" in traced
    assert "plugin builtin (trackforge-mot): loaded" in traced
    _, traced = ask(tmp_path, TRACKFORGE_TRACE_PLUGINS="1", TRACKFORGE_DISABLE_PLUGINS="tf-good")
    assert "plugin tf-good (tf-good): disabled" in traced


def test_two_distributions_of_one_name_in_a_real_interpreter(tmp_path: Path) -> None:
    for name in ("tf-one", "tf-two"):
        distribution(tmp_path, name, GOOD.format(name="same", module="tf_one"))
    code = """
        import json, trackforge
        try:
            trackforge.tracker("same")
        except trackforge.errors.DuplicateComponentError as error:
            print(json.dumps({"error": str(error), "other": type(trackforge.tracker("online")).__name__}))
    """
    answer, _ = ask(tmp_path, code.replace("import json, trackforge", "import json, trackforge, trackforge.errors"))
    assert "tf-one, tf-two" in answer["error"]
    assert answer["other"] == "OnlineTracker"


def test_a_command_whose_plugin_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    """In an interpreter that finds every plugin but that one."""
    code = """
        import json
        from importlib import metadata

        there = metadata.entry_points
        metadata.entry_points = lambda **asked: [e for e in there(**asked) if e.name != "sagemaker"]
        from trackforge.cli import main

        print(json.dumps(main(["sagemaker", "setup"])))
    """
    status, said = ask(tmp_path, code)
    assert status == 1
    assert "pip install 'trackforge-sagemaker'" in said
