"""What comes from outside: names, addresses, folders, documents and limits, each met in one place."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import ConfigError, DataError, MissingFileError, SourceError, TrackforgeError
from trackforge.intake.addresses import address_name, is_address, shown_address, without_secrets
from trackforge.intake.documents import finite_number, load_json, parse_json, whole_number
from trackforge.intake.folders import is_companion, list_files
from trackforge.intake.limits import check_limit, limited, limits
from trackforge.intake.names import inside, plain_name, relative_name
from trackforge.intake.reading import reading

EVIL = ["../x", "a/../../x", "/etc/passwd", "..", ".", "", "a\0b", "\ud800", "x" * 256, "..\\x", "C:\\x", "\\\\host\\x"]


@pytest.mark.parametrize("name", EVIL)
def test_no_name_leads_out(name: str, tmp_path: Path) -> None:
    for resolve in (plain_name, relative_name, lambda *a, **k: inside(tmp_path, *a, **k)):
        with pytest.raises(DataError, match=r"^labels\.json:3: The split must have a name that stays in its folder"):
            resolve(name, "The split", path="labels.json", line=3)


@given(st.text(st.characters(), max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "", "b c"])).map("/".join))
def test_whatever_is_let_through_stays_inside(name: str) -> None:
    root = Path("/some/root")
    try:
        found = inside(root, name, "It")
    except DataError:
        return
    resolved = Path(*[p for p in found.parts if p != "."])
    assert ".." not in resolved.parts
    assert resolved != root
    assert resolved.is_relative_to(root)
    str(found).encode()


def test_names_that_people_have_are_let_through(tmp_path: Path) -> None:
    assert inside(tmp_path, "images\\a.jpg", "It") == tmp_path / "images/a.jpg"
    assert inside(tmp_path, "labels/../images/a.jpg", "It") == tmp_path / "images/a.jpg"
    assert inside(tmp_path, str(tmp_path / "a.jpg"), "It") == tmp_path / "a.jpg"
    assert plain_name("MOT17-02 (1)...é", "It") == "MOT17-02 (1)...é"
    with pytest.raises(DataError, match="holds a separator"):
        plain_name("a/b", "It")


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:S3cret@10.0.0.7:554/cam",
        "http://10.0.0.7/cam?user=admin&pwd=S3cret",
        "https://bucket/film.mp4?X-Amz-Signature=S3cret",
        "rtsp://10.0.0.7/user=admin&password=S3cret&channel=1",
        "rtsp://admin:S3cret@[fe80::1/cam",
        "rtsp://10.0.0.7/cam#S3cret",
        "rtsp://us:er:S3c@S3cret@10.0.0.7/cam",
    ],
)
def test_nothing_secret_is_shown(address: str) -> None:
    for text in (shown_address(address), address_name(address), without_secrets(f"Cannot open '{address}': refused")):
        assert "S3c" not in text
    name = address_name(address)
    assert plain_name(name, "It") == name


def test_paths_are_no_addresses() -> None:
    for path in ("2024-01-01T12:00:00.mp4", "C:\\film.mp4", "12:30/a.mp4", "a%20b.mp4", "-", "//host/a.mp4"):
        assert not is_address(path)
        assert shown_address(path) == path
    assert shown_address("rtsp://cam/1?channel=2") == "rtsp://cam/1?channel=2"


def test_companions_are_left_out_and_counted(tmp_path: Path) -> None:
    for name in ("2.jpg", "10.JPG", "._2.jpg", ".ipynb_checkpoints/2.jpg", "__MACOSX/2.jpg", "sub/3.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = list_files(tmp_path, (".jpg",), recursive=True)
    assert [p.relative_to(tmp_path).as_posix() for p in listing.files] == ["2.jpg", "10.JPG", "sub/3.jpg"]
    assert (listing.companions, listing.others) == (3, 1)
    assert [p.name for p in list_files(tmp_path, (".jpg",)).files] == ["2.jpg", "10.JPG"]
    hidden = tmp_path / ".cache" / "set"
    assert not is_companion(hidden / "a.jpg", hidden)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,\n"b"}', r"\.json:2: A COCO file must be JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[" + "9" * 5000 + "]", "digits"),
        ('["\\ud800"]', "half a character"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_json_is_read_or_refused(text: str | bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words):
        load_json(file, "A COCO file")


def test_whole_pairs_of_surrogates_are_text() -> None:
    assert parse_json('["\\ud83d\\ude00"]') == ["\N{GRINNING FACE}"]


@given(st.integers() | st.floats() | st.text(max_size=5) | st.none() | st.booleans() | st.just([1]))
def test_numbers_are_numbers_or_refused(value: object) -> None:
    for judge in (whole_number, finite_number):
        number = None
        with contextlib.suppress(ValueError):
            number = judge(value)
        assert json.loads(json.dumps(number)) == number
        assert number is None or judge is finite_number or -(2**63) <= number < 2**63


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = limits().frames
    with limited(frames=5):
        with pytest.raises(DataError, match=r"^gt\.txt:2: The frame must be at most 5; got 6\..*LIMIT_FRAMES"):
            check_limit("frames", 6, "The frame", path="gt.txt", line=2)
        check_limit("frames", 5, "The frame")
        with pytest.raises(DataError):
            check_limit("frames", float("nan"), "The frame")
    monkeypatch.setenv("TRACKFORGE_LIMIT_FRAMES", "20_000_000")
    assert limits().frames == 20_000_000 != usual
    for name, value in (("FRAMES", "-1"), ("FRAMES", "0"), ("FRAMES", "x"), ("FRAME", "1")):
        with monkeypatch.context() as patch:
            patch.setenv(f"TRACKFORGE_LIMIT_{name}", value)
            with pytest.raises(ConfigError):
                limits()
    with pytest.raises(ConfigError), limited(pixel=1):
        pass


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (FileNotFoundError(2, "x", "a"), MissingFileError),
        (PermissionError(13, "no", "a"), SourceError),
        (RecursionError(), DataError),
        (MemoryError(), DataError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), DataError),
        (KeyError("x" * 9999), DataError),
        (DataError("ours"), DataError),
    ],
)
def test_whatever_a_reader_meets_becomes_ours(raised: Exception, expected: type[TrackforgeError]) -> None:
    with pytest.raises(expected) as found, reading("file.bin"):
        raise raised
    assert len(str(found.value)) < 400


def test_a_stop_passes_the_boundary() -> None:
    with pytest.raises(KeyboardInterrupt), reading("file.bin"):
        raise KeyboardInterrupt
