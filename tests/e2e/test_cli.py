"""The other commands, and what holds for all of them."""

from __future__ import annotations

import importlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_runs import ENVIRONMENT, command, run, run_json

from trackforge import TrackTable, __version__
from trackforge.cli import main
from trackforge.io.mot import read_mot, write_mot
from trackforge.registry import registry

COMMANDS = ("track", "eval", "demo", "export", "convert", "data", "plugins", "info")


@pytest.fixture
def table() -> TrackTable:
    """Two walkers over ten frames."""
    frame = np.repeat(np.arange(10), 2)
    left = np.tile([10.0, 100.25], 10) + frame * 2.5
    xyxy = np.stack((left, np.full(20, 20.0), left + 30, np.full(20, 90.125)), axis=1)
    return TrackTable(
        frame=frame, track_id=np.tile([1, 2], 10), xyxy=xyxy, score=np.tile([0.5, 0.75], 10), sequence="walk"
    )


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == __version__
    shown = run("--help").stdout
    for name in COMMANDS:
        assert name in shown
    assert "Exit codes" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: trackforge {name}" in capsys.readouterr().out


def test_no_command_shows_where_to_begin_and_an_unknown_one_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 8
    begun = [line.split("#")[0].split()[1:] for line in lines if line.startswith("  trackforge")]
    assert {words[0] for words in begun} <= {*COMMANDS, "--help"}
    assert ["track", "demo/street.mp4", "-o", "out/"] in begun
    assert main(["trak"]) == 2
    assert 'Did you mean "track"?' in capsys.readouterr().err


@pytest.mark.parametrize("absent", ["cyclopts", "rich"])
def test_without_its_packages_the_command_line_says_what_to_install(absent: str) -> None:
    code = f"import sys; sys.modules[{absent!r}] = None; from trackforge.cli import main; sys.exit(main(['info']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stderr == f"error: the command line needs {absent}; run: pip install 'trackforge-mot[cli]'\n"


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("trackforge")
    assert (
        subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout.strip() == __version__
    )


def test_a_reader_who_leaves_early_is_no_error() -> None:
    done = subprocess.run(
        " ".join(command("plugins")) + " | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout


# plugins and info


def plugin(folder: Path, name: str, code: str) -> None:
    (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[trackforge]\n{name} = {name}\n")


COMMAND_PLUGIN = """
from trackforge.registry import ComponentSpec, hookimpl

@hookimpl
def trackforge_components():
    yield ComponentSpec(kind="command", name="greet", target="tf_greet:make", summary="Greets whoever is named.")
    yield ComponentSpec(kind="command", name="info", target="tf_greet:make", summary="Takes no built-in name.")
    yield ComponentSpec(kind="command", name="hollow", target="tf_greet:absent", summary="Cannot be had.")

def make():
    def greet(argv):
        print("greet", argv)
        return 7 if "--fail" in argv else 0
    return greet
"""


def test_plugins_add_subcommands(tmp_path: Path) -> None:
    plugin(tmp_path, "tf_greet", COMMAND_PLUGIN)
    plugin(tmp_path, "tf_broken", "1 / 0\n")
    path = str(tmp_path)
    assert run("greet", "--help", "-q", "a b", PYTHONPATH=path).stdout == "greet ['--help', '-q', 'a b']\n"
    assert run("greet", "--fail", PYTHONPATH=path, code=7).stdout == "greet ['--fail']\n"
    shown = run("--help", PYTHONPATH=path).stdout
    assert "Greets whoever is named." in shown
    assert "Takes no built-in name." not in shown
    assert "trackforge" in run_json("info", PYTHONPATH=path)
    assert "'greet'" in run("gret", PYTHONPATH=path, code=2).stderr.replace('"', "'")
    assert "has no 'absent'" in run("hollow", PYTHONPATH=path, code=1).stderr


def test_plugins_shows_ready_missing_broken_and_available(tmp_path: Path) -> None:
    plugin(tmp_path, "tf_broken", "1 / 0\n")
    plugin(
        tmp_path,
        "tf_missing",
        "from trackforge.registry import ComponentSpec, hookimpl\n@hookimpl\ndef trackforge_components():\n"
        "    yield ComponentSpec(kind='tracker', name='needy', target='a:B', requires=('surely_absent',),\n"
        "                        install='tf-missing[all]', summary='Needs something.')\n"
        "    yield ComponentSpec(kind='sink', name='mot', target='a:B')\n",
    )
    facts = run_json("plugins", PYTHONPATH=str(tmp_path))
    by_name = {(one["kind"], one["name"], one["distribution"]): one for one in facts["components"]}
    assert by_name["tracker", "byte", "trackforge-byte"]["ready"]
    needy = by_name["tracker", "needy", "tf_missing"]
    assert not needy["ready"]
    assert needy["problem"] == "needs surely_absent"
    assert needy["cure"] == "pip install 'tf-missing[all]'"
    assert by_name["sink", "mot", "trackforge-mot"]["problem"] == "offered by several plugins"
    assert facts["broken"] == [
        {"plugin": "tf_broken", "distribution": "tf_broken", "reason": "ZeroDivisionError: division by zero"}
    ]
    assert all(one["install"].startswith("trackforge-") for one in facts["available"])
    assert "trackforge-byte" not in [one["install"] for one in facts["available"]]

    shown = run("plugins", PYTHONPATH=str(tmp_path))
    assert "ZeroDivisionError: division by zero" in shown.stdout
    assert "pip install 'tf-missing[all]'" in shown.stdout
    assert shown.stderr == ""  # what is broken stands in the list, once
    # elsewhere it is one plain warning
    assert run("info", "tracker", PYTHONPATH=str(tmp_path)).stderr.startswith("warning: trackforge plugin 'tf_broken'")


def test_plugins_of_one_kind() -> None:
    facts = run_json("plugins", "sink")
    assert {one["kind"] for one in facts["components"]} == {"sink"}
    assert "Did you mean 'sink'?" in run("plugins", "sinks", code=2).stderr


def test_info_tells_versions_and_devices() -> None:
    facts = run_json("info")
    assert facts["trackforge"] == __version__
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["devices"][0] == "cpu"
    assert facts["plugins"]["trackforge-mot:builtin"] == "trackforge.registry.builtin"


def test_info_shows_settings_with_unit_and_default() -> None:
    [facts] = run_json("info", "tracker", "byte")
    settings = {one["name"]: one for one in facts["settings"]}
    assert settings["max_lost"]["unit"] == "frames"
    [default] = [s.default for s in registry().find("tracker", "byte").settings() if s.name == "high_score"]
    assert settings["high_score"]["default"] == default
    shown = run("info", "tracker", "byte").stdout
    assert "high_score" in shown
    assert f"{default:g}" in shown
    assert "byte" in run("info", "tracker").stdout
    assert "Did you mean 'tracker'?" in run("info", "trackr", code=2).stderr
    assert "Did you mean 'byte'?" in run("info", "tracker", "bite", code=2).stderr


# eval and convert


def test_eval_prints_writes_and_plots(table: TrackTable, tmp_path: Path) -> None:
    write_mot(tmp_path / "gt.txt", table, kind="truth")
    write_mot(tmp_path / "walk.txt", table[table.frame != 4])
    words = ("eval", tmp_path / "gt.txt", tmp_path / "walk.txt")
    facts = run_json(*words, "--csv", tmp_path / "s.csv", "--plot", tmp_path / "s.png")
    assert facts["combined"]["CLR_FN"] == 2
    assert facts["combined"]["MOTA"] == pytest.approx(0.9)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0].startswith("sequence,")
    assert lines[-1].startswith("COMBINED,")
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    shown = run(*words, "--metrics", "MOTA,FN").stdout.splitlines()
    assert shown[0].split() == ["sequence", "MOTA", "FN"]
    assert shown[-1].split() == ["COMBINED", "90.00", "2"]
    assert "Did you mean 'MOTA'?" in run(*words, "--metrics", "MOTAA", code=2).stderr


def test_eval_scores_detections(table: TrackTable, tmp_path: Path) -> None:
    write_mot(tmp_path / "gt.txt", table, kind="truth")
    write_mot(tmp_path / "det.txt", table, kind="detections")
    words = ("eval", tmp_path / "gt.txt", tmp_path / "det.txt", "--detections")
    assert run_json(*words)["mean"]["ap50"] == pytest.approx(1)
    assert "AP50" in run(*words).stdout
    assert "--csv, --plot and --metrics are for tracks" in run(*words, "--csv", tmp_path / "x.csv", code=2).stderr


def test_eval_names_the_line_that_is_wrong(table: TrackTable, tmp_path: Path) -> None:
    write_mot(tmp_path / "gt.txt", table, kind="truth")
    (tmp_path / "bad.txt").write_text("1,1,10,20,30,60,0.9,-1,-1,-1\n2,1,ten,20,30,60,0.9,-1,-1,-1\n")
    done = run("eval", tmp_path / "gt.txt", tmp_path / "bad.txt", code=1)
    assert "bad.txt:2: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "nowhere" in run("eval", tmp_path / "gt.txt", tmp_path / "nowhere.txt", code=1).stderr


def test_convert_goes_through_every_format_and_back(table: TrackTable, tmp_path: Path) -> None:
    write_mot(tmp_path / "walk.txt", table)
    chain = ["walk.txt", "walk.json", "walk.jsonl", "walk.parquet", "back/walk.txt"]
    for source, target in itertools.pairwise(chain):
        assert main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 0
    assert (tmp_path / "back" / "walk.txt").read_text() == (tmp_path / "walk.txt").read_text()
    back = read_mot(tmp_path / "back" / "walk.txt")
    np.testing.assert_array_equal(back.xyxy, table.xyxy)
    np.testing.assert_array_equal(back.track_id, table.track_id)


def test_convert_says_what_it_cannot(table: TrackTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mot(tmp_path / "walk.txt", table)
    assert main(["convert", str(tmp_path / "walk.txt"), str(tmp_path / "walk.doc")]) == 2
    assert "The ending of" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "no.txt"), str(tmp_path / "walk.json")]) == 1
    assert "there is none" in capsys.readouterr().err
    (tmp_path / "bad.jsonl").write_text('{"frame": 0, "tracks": []}\n{"frame": 1}\n')
    assert main(["convert", str(tmp_path / "bad.jsonl"), str(tmp_path / "walk.json")]) == 1
    assert "bad.jsonl:2: " in capsys.readouterr().err
    (tmp_path / "bad.parquet").write_text("nothing")
    assert main(["convert", str(tmp_path / "bad.parquet"), str(tmp_path / "walk.json")]) == 1
    assert "bad.parquet: " in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.jsonl", "bad.parquet", "walk.txt"]


def test_several_sequences_become_a_folder_of_files(table: TrackTable, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_mot(tmp_path / "in" / f"{name}.txt", table)
    facts = json.loads(run("convert", tmp_path / "in", tmp_path / "both.json", "--json").stdout)
    assert facts["sequences"] == 2
    assert main(["convert", str(tmp_path / "both.json"), str(tmp_path / "one.txt")]) == 1
    assert main(["convert", str(tmp_path / "both.json"), str(tmp_path / "out")]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt"]
    assert (tmp_path / "out" / "b.txt").read_text() == (tmp_path / "in" / "b.txt").read_text()


# export and demo


def test_export_checks_its_settings_before_it_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "yolox", "--set", "opest=17"]) == 2
    assert "Did you mean 'opset'?" in capsys.readouterr().err
    assert main(["export", "yolx"]) == 2
    assert "Did you mean 'yolox'?" in capsys.readouterr().err
    assert main(["export", "yolox", "--help-settings"]) == 0
    assert "opset" in capsys.readouterr().out


def test_demo_prints_scores_and_files(tmp_path: Path) -> None:
    facts = run_json("demo", "-o", tmp_path / "demo", "--frames", 40)
    assert 0 <= facts["HOTA"] <= 1
    assert facts["frames"] == 40
    assert Path(facts["video"]).stat().st_size > 0
    assert len(read_mot(facts["truth"], kind="truth")) > 0


def test_the_example_configuration_in_the_documentation_is_toml() -> None:
    from trackforge.runs import layers

    text = (layers.__doc__ or "").partition("::\n")[2].rpartition("\n\nEvery place")[0]
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    content = toml.loads("\n".join(line.removeprefix("    ") for line in text.splitlines()))
    assert content["detector"] == {"name": "yolox", "score": 0.3}
