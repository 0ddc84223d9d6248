"""The labelling page: who may ask, what is shown, and that every label is kept."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.people import server as server_module
from bartleby.collectors.people.sampling import Drawn
from bartleby.collectors.people.server import LabelServer, serving
from bartleby.collectors.people.store import (
    ConflictError,
    LabelStore,
    Saved,
    opened,
    rows_of_labels,
    rows_of_saves,
)
from bartleby.errors import DataError, LogError, SettingError
from bartleby.studies.codebook import Code, Codebook
from bartleby.studies.passages import Passage, Said

BOOK = Codebook(
    "small", (Code("distress", "It sounds distressed."), Code("tone", "Its tone.", levels=("a", "b", "c")))
)
EVIL = "<script>alert(1)</script> \ud800 \x00 </p>"


def drawn(count: int = 5) -> list[Drawn]:
    return [
        Drawn(
            Passage(
                f"talk{n}:1",
                f"talk{n}",
                1,
                (Said(1, "user", EVIL), Said(1, "assistant", f"Reply {n}")),
                {"model": "secret-model", "truth_distress": 1},
            ),
            "all",
            1.0,
        )
        for n in range(count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    LabelStore.create(tmp_path / "labels.db", drawn(), BOOK, "somewhere").close()
    return tmp_path / "labels.db"


@pytest.fixture
def server(path: Path) -> Iterator[LabelServer]:
    with opened(path) as store, serving(LabelServer(store, "ann")) as started:
        yield started


def ask(
    server: LabelServer, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    given = {"X-Token": server.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{server.host}{path}", data, given)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def told(server: LabelServer, path: str) -> dict[str, Any]:
    status, _, body = ask(server, path)
    assert status == 200
    value = json.loads(body)
    assert isinstance(value, dict)
    return value


def labels(distress: object = 1, tone: object = 2) -> dict[str, Any]:
    return {
        "distress": {"value": distress, "quote": "Reply", "start": 0, "end": 5},
        "tone": {"value": tone},
    }


def save(server: LabelServer, place: int = 0, *, name: str = "one", **changed: object) -> tuple[int, str]:
    """Send labels as the page does, of a unit as it was fetched."""
    unit = told(server, f"/unit?place={place}")
    own = {key: unit[key] for key in ("unit", "version", "revision")} | {"id": name, "labels": labels()}
    status, _, text = ask(server, "/labels", own | changed)
    return status, text.decode()


def test_nobody_without_the_token_is_answered(server: LabelServer) -> None:
    for path in ("/", "/state", "/unit?place=0"):
        assert ask(server, path, X_Token="wrong")[0] == 403  # noqa: S106 - not a password
    assert ask(server, "/labels", {"unit": "x", "labels": labels()}, X_Token="")[0] == 403


def test_another_host_or_page_is_refused(server: LabelServer) -> None:
    assert ask(server, "/state", Host="evil.example")[0] == 403
    status, _, _ = ask(server, "/labels", {"unit": "x", "labels": labels()}, Origin="http://evil.example")
    assert status == 403
    assert told(server, "/state")["done"] == []


def test_the_page_may_load_and_talk_to_nobody_else(server: LabelServer) -> None:
    _, headers, page = ask(server, f"/?token={server.token}")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"label.js" in page
    assert b"http" not in page.replace(b"http-equiv", b"")
    assert b"innerHTML" not in ask(server, "/label.js")[2]


def test_a_labeller_is_blind_to_model_truth_stratum_and_others(server: LabelServer) -> None:
    shown = ask(server, "/unit?place=0")[2].decode()
    for hidden in ("secret-model", "truth", "stratum", "talk"):
        assert hidden not in shown
    unit = told(server, "/unit?place=0")
    assert [each["speaker"] for each in unit["said"]] == ["user", "assistant"]
    assert unit["said"][0]["text"].startswith("<script>")


def test_labels_are_kept_at_once_and_come_back(server: LabelServer, path: Path) -> None:
    assert save(server, 2, note="hm", seconds=3.5, steps=[["distress", 1, 0.5]])[0] == 200
    assert told(server, "/state")["done"] == [2]
    unit = told(server, "/unit?place=2")
    assert (unit["labels"]["distress"]["quote"], unit["note"]) == ("Reply", "hm")
    rows = rows_of_labels(path)
    assert [(row["code"], row["value"], row["coder"], row["note"], row["seconds"]) for row in rows] == [
        ("distress", 1, "ann", "hm", 3.5),
        ("tone", 2, "ann", "hm", 3.5),
    ]
    assert save(server, 2, name="two", labels=labels(distress=0), seconds=1)[0] == 200
    row = rows_of_labels(path)[0]
    assert (row["value"], row["seconds"], row["saves"]) == (0, 4.5, 2)


def test_every_save_is_kept_also_one_that_is_taken_back(server: LabelServer, path: Path) -> None:
    save(server, name="one")
    save(server, name="two", labels=labels(distress=0))
    assert save(server, name="three", labels={}, withdrawn=True)[0] == 200
    assert rows_of_labels(path) == []
    assert told(server, "/state")["done"] == []
    rows = rows_of_saves(path)
    assert [(row["save"], row["code"], row["value"]) for row in rows] == [
        (1, "distress", 1),
        (1, "tone", 2),
        (2, "distress", 0),
        (2, "tone", 2),
        (3, None, None),
    ]


def test_a_save_that_is_sent_twice_is_kept_once(server: LabelServer, path: Path) -> None:
    unit = told(server, "/unit?place=0")
    sent = {key: unit[key] for key in ("unit", "version", "revision")} | {"id": "x", "labels": labels()}
    first, second = (json.loads(ask(server, "/labels", sent)[2]) for _ in range(2))
    assert first == second
    assert {row["save"] for row in rows_of_saves(path)} == {1}


def test_labels_of_another_unit_version_or_older_state_are_refused(server: LabelServer, path: Path) -> None:
    other = told(server, "/unit?place=1")
    for changed in ({"unit": "elsewhere"}, {"unit": other["unit"]}, {"version": "old"}, {"unit": None}):
        assert save(server, 0, **changed)[0] == 409
    assert rows_of_labels(path) == []
    assert save(server, 0)[0] == 200
    status, text = save(server, 0, name="two", revision=0, labels=labels(distress=0))
    assert (status, text) == (409, "this unit was labelled again elsewhere after it was shown here")
    assert rows_of_labels(path)[0]["value"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": {}},
        {"labels": labels(distress=2)},
        {"labels": labels(distress=True)},
        {"labels": {"anger": {"value": 1}}},
        {"labels": [1]},
        {"labels": {"distress": {"value": 1, "quote": 5, "start": "x"}}},
        {"labels": {"distress": {"value": 1, "quote": "Never said", "start": 0, "end": 10}}},
        {"labels": {"distress": {"value": 1, "quote": "Reply", "start": 1, "end": 6}}},
        {"labels": {"distress": {"value": 1, "start": 10**30}}},
        {"id": None},
        {"revision": "0"},
    ],
)
def test_what_cannot_be_a_label_is_refused_with_the_reason(
    server: LabelServer, changed: dict[str, Any]
) -> None:
    status, text = save(server, **changed)
    assert status == 400
    assert text
    assert told(server, "/state")["done"] == []
    assert save(server)[0] == 200
    assert ask(server, "/labels", [])[0] == 400


def test_what_no_file_can_hold_blocks_no_later_label(server: LabelServer, path: Path) -> None:
    odd = {"distress": {"value": 1, "quote": "\ud800"}, "tone": {"value": 0}}
    assert save(server, 0, labels=odd, note="\udcff \x00", steps=[["\ud800", 1, 0]])[0] == 200
    assert save(server, 1, name="two")[0] == 200
    assert {row["quote"] for row in rows_of_labels(path)} == {"\ufffd", "Reply", None}
    with opened(path) as store:
        for labeller in ("\ud800", " "):
            with pytest.raises((DataError, ValueError)):
                store.save(labeller, 0, Saved(labels()))
        assert store.save("ben", 0, Saved(labels())) == 3


def test_a_failure_midway_leaves_nothing_half_written(path: Path) -> None:
    with opened(path) as store:
        store.rows("ALTER TABLE saves RENAME TO elsewhere")
        with pytest.raises(sqlite3.Error):
            store.save("ann", 0, Saved(labels()))
        store.rows("ALTER TABLE elsewhere RENAME TO saves")
        assert store.labels("ann", 0) == {}
        assert store.save("ben", 0, Saved(labels())) == 1


def test_two_that_label_the_same_unit_at_once_do_not_overwrite_each_other(path: Path) -> None:
    with opened(path) as one, opened(path) as two:
        first = one.save("ann", 0, Saved(labels(), revision=0))
        with pytest.raises(ConflictError):
            two.save("ann", 0, Saved(labels(distress=0), revision=0))
        assert two.save("ann", 0, Saved(labels(distress=0), revision=first)) > first
        assert two.save("ben", 0, Saved(labels(), revision=0))


def test_a_page_that_is_open_works_on_after_a_restart(path: Path) -> None:
    with opened(path) as store:
        with serving(LabelServer(store, "ann")) as first:
            address, unit = first.address, first.unit(0)
        with serving(LabelServer(store, "ann")) as second:
            assert (second.address, second.unit(0)) == (address, unit)
            with serving(LabelServer(store, "ben")) as other:
                assert other.token != second.token
            with serving(LabelServer(store, "ann")) as beside:
                assert beside.host != second.host


def test_units_are_fetched_ahead_but_not_without_bound(server: LabelServer) -> None:
    answer = told(server, "/units?places=3,0,4")
    assert [unit["place"] for unit in answer["units"]] == [3, 0, 4]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server_module, "ENOUGH", 1)
        assert [unit["place"] for unit in told(server, "/units?places=3,0,4")["units"]] == [3]
    for path in ("/units?places=99", "/units?places=", "/units"):
        assert ask(server, path)[0] == 400


def test_places_that_are_not_there_are_told(server: LabelServer) -> None:
    for path in ("/unit?place=99", "/unit?place=x", "/unit"):
        assert ask(server, path)[0] == 400
    assert ask(server, "/nothing")[0] == 404


def test_each_labeller_has_an_order_of_their_own_and_sees_only_their_own(path: Path) -> None:
    with opened(path) as store, ExitStack() as stack:
        store.save("ann", 0, Saved(labels()))
        ann, again, ben = (LabelServer(store, name) for name in ("ann", "ann", "ben"))
        for each in (ann, again, ben):
            stack.callback(each.close)
        assert ann.order == again.order
        assert sorted(ben.order) == sorted(ann.order)
        assert len(ann.state()["done"]) == 1
        assert ben.state()["done"] == []
        assert ben.unit(ben.order.index(0))["labels"] == {}


def test_files_that_are_not_ours_are_refused(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database")
    for file in (other, tmp_path / "none.db"):
        with pytest.raises(LogError):
            LabelStore(file)
    with pytest.raises(LogError, match="is there already"):
        LabelStore.create(path, drawn(), BOOK, "x")
    with opened(path) as store:
        store.rows("CREATE VIEW odd AS SELECT 1")
    with pytest.raises(LogError, match="other tables, views or triggers in it: view 'odd'"):
        LabelStore(path)


def test_a_labeller_has_a_name(path: Path) -> None:
    with opened(path) as store, pytest.raises(SettingError, match="labeller is ' '"):
        LabelServer(store, " ")
    with opened(path) as store, pytest.raises(SettingError, match="labeller is"):
        LabelServer(store, "\x1b[2J")
