"""A folder of documents: saved at once, undone after a restart, and nobody's work lost to somebody else's."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from trackforge.errors import DataError, InvalidInputError, MissingFileError
from trackforge.review import Document, Keyframe, LabelTrack, NothingToUndo, Outdated, Store

ACCEPT = {"action": "accept", "frames": [1]}
MOVE = {"action": "set_box", "track": 1, "frame": 3, "xyxy": [5, 5, 9, 9]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with one document."""
    key = Keyframe(frame=0, xyxy=(0, 0, 4, 4))
    track = LabelTrack(id=1, keyframes=(key,))
    document = Document(sequence="walk", frames=np.arange(6), classes=("person",), tracks=(track,))
    document.save(tmp_path / "walk.labels.json")
    return tmp_path


def test_every_edit_is_on_disk_before_it_is_answered(place: Path) -> None:
    made = Store(place).edit("walk", MOVE)
    assert Document.load(place / "walk.labels.json") == made.document
    assert (made.undo, made.redo) == (1, 0)
    assert made.before is not None
    assert made.before.edits == 0


def test_an_edit_to_what_is_no_more_is_refused_with_what_is(place: Path) -> None:
    store = Store(place)
    seen = store.open("walk").revision
    first = store.edit("walk", MOVE, revision=seen)
    with pytest.raises(Outdated, match="changed meanwhile") as raised:
        store.edit("walk", ACCEPT, revision=seen)
    assert raised.value.current.revision == first.revision
    for step in (store.undo, store.redo):
        with pytest.raises(Outdated):
            step("walk", revision="other")


def test_what_comes_twice_is_done_once(place: Path) -> None:
    store = Store(place)
    seen = store.open("walk").revision
    first = store.edit("walk", MOVE, revision=seen, key="mine")
    again = Store(place).edit("walk", MOVE, revision=seen, key="mine")
    assert (again.revision, again.undo) == (first.revision, 1)
    assert again.before is not None
    assert again.before.edits == 0
    undone = store.undo("walk", revision=first.revision)
    assert store.undo("walk", revision=first.revision).revision == undone.revision == seen
    assert store.redo("walk", revision=seen).revision == first.revision
    assert store.redo("walk", revision=seen).revision == first.revision


def test_a_new_edit_after_undoing_ends_what_could_be_done_again(place: Path) -> None:
    store = Store(place)
    store.edit("walk", MOVE)
    store.edit("walk", ACCEPT)
    store.undo("walk")
    store.edit("walk", {"action": "accept", "frames": [2]})
    again = Store(place)
    assert (again.open("walk").undo, again.open("walk").redo) == (2, 0)
    with pytest.raises(NothingToUndo, match="do again"):
        again.redo("walk")
    again.undo("walk")
    assert again.open("walk").redo == 1
    again.undo("walk")
    with pytest.raises(NothingToUndo, match="undo"):
        again.undo("walk")


def test_a_document_that_somebody_else_writes_is_noticed(place: Path) -> None:
    store, path = Store(place), place / "walk.labels.json"
    seen = store.edit("walk", MOVE).revision
    Document.load(path).replace(notes=("made anew",)).save(path)
    with pytest.raises(Outdated) as raised:
        store.edit("walk", ACCEPT, revision=seen)
    assert raised.value.current.document.notes == ("made anew",)
    assert raised.value.current.undo == 0
    later = store.edit("walk", ACCEPT, revision=raised.value.current.revision)
    assert (later.undo, Store(place).open("walk").undo) == (1, 1)


def test_half_a_line_of_history_costs_nothing_but_itself(place: Path) -> None:
    Store(place).edit("walk", MOVE)
    journal = place / "walk.edits.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"before":"half')
    store = Store(place)
    assert store.open("walk").undo == 1
    store.edit("walk", ACCEPT)
    assert len(journal.read_bytes().splitlines()) == 2
    assert Store(place).open("walk").undo == 2


def test_an_edit_that_was_written_down_but_not_saved_can_be_done_again(place: Path) -> None:
    path = place / "walk.labels.json"
    before = path.read_bytes()
    after = Store(place).edit("walk", MOVE)
    path.write_bytes(before)  # as if the process had ended between the two
    store = Store(place)
    assert (store.open("walk").undo, store.open("walk").redo) == (0, 1)
    assert store.redo("walk").revision == after.revision


def test_a_document_that_cannot_be_saved_stays_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(place)
    revision = store.edit("walk", ACCEPT).revision
    with monkeypatch.context() as patch:
        patch.setattr("trackforge.io.atomic.PartialFile.commit", lambda _: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            store.edit("walk", MOVE)
    now = store.open("walk")
    assert (now.revision, now.undo, now.redo) == (revision, 1, 0)
    assert store.edit("walk", MOVE).undo == 2


def test_a_damaged_history_is_told_and_breaks_nothing(place: Path) -> None:
    store = Store(place)
    made = store.edit("walk", MOVE)
    journal = place / "walk.edits.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"undo":{', b'"undx":{'))
    with pytest.raises(DataError):
        store.undo("walk")
    assert store.open("walk").revision == made.revision


def test_names_are_those_of_the_folder_alone(place: Path) -> None:
    (place / "b2.labels.json").write_text("{}", encoding="utf-8")
    (place / "b10.labels.json").write_text("{}", encoding="utf-8")
    (place / ".hidden.labels.json").write_text("{}", encoding="utf-8")
    store = Store(place)
    assert store.names() == ["b2", "b10", "walk"]
    for name in ("../walk", "b3", "", "walk.labels.json"):
        with pytest.raises(MissingFileError):
            store.open(name)
    with pytest.raises(DataError, match=r"b2\.labels\.json"):
        store.open("b2")
    with pytest.raises(MissingFileError, match="must lie in a folder"):
        Store(place / "none")


def test_of_many_at_once_each_edit_is_done_or_refused(place: Path) -> None:
    store, refused, done = Store(place), [], []

    def work(number: int) -> None:
        for k in range(5):
            seen = store.open("walk").revision
            try:
                edit = {"action": "add_class", "name": f"{number} {k}"}
                done.append(store.edit("walk", edit, revision=seen).revision)
            except InvalidInputError as error:
                refused.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(done) + len(refused) == 20
    assert all(isinstance(one, Outdated) for one in refused)
    assert len(Document.load(place / "walk.labels.json").classes) == 1 + len(done)
