"""Commands refuse what is wrong before they read anything: the inputs named here do not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runs import run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metrics", "HOTTA"), "error: --metrics: There is no score 'HOTTA'. Did you mean 'HOTA'?"),
        (("--plot", "x.docx"), "error: A figure's file must end with .png, .svg, .pdf; got 'x.docx'."),
    ],
)
def test_wrong_words_are_refused_before_anything_is_read(words: tuple[str, ...], message: str) -> None:
    assert run("eval", "no-truth.txt", "no-tracks.txt", *words, code=2).stderr.startswith(message)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("train yolox --data none -o FILE", 1, "it must be a folder"),
        ("train yolox --data none -o {names}", 2, "There is no placeholder {names} in {names}."),
        ("tune none -o FILE/below", 1, "is no folder. Choose another place."),
        ("tune none -o new --study FOLDER", 1, "it must be a file"),
        ("eval none none --csv FILE/a.csv", 1, "is no folder. Choose another place."),
        ("export yolox --weights none.pth -o FILE/a.onnx", 1, "is no folder. Choose another place."),
        ("convert none.txt FILE/a.json", 1, "is no folder. Choose another place."),
        ("track synthetic -o FOLDER/{names}.txt", 2, "Did you mean 'name'? It takes: {name}."),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_anything_is_read(
    tmp_path: Path, line: str, code: int, message: str
) -> None:
    if "yolox" in line:
        pytest.importorskip("trackforge_yolox")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    places = {"FILE": str(tmp_path / "file"), "FOLDER": str(tmp_path / "folder")}
    for word, place in places.items():
        line = line.replace(word, place)
    done = run(*line.split(), code=code, cwd=tmp_path)
    assert message in done.stderr.splitlines()[-1]
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["file", "folder"]
