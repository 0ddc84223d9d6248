"""The labelling page: who may ask, what is shown, and that every label is kept."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bartleby.collectors.people.sampling import Drawn
from bartleby.collectors.people.server import LabelServer, serving
from bartleby.collectors.people.store import LabelStore, opened, rows_of_labels
from bartleby.errors import LogError, SettingError
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
                f"c{n}:1",
                f"c{n}",
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


def test_nobody_without_the_token_is_answered(server: LabelServer) -> None:
    for path in ("/", "/state", "/unit?place=0"):
        assert ask(server, path, X_Token="wrong")[0] == 403  # noqa: S106 - not a password
    assert ask(server, "/labels", {"place": 0, "labels": labels()}, X_Token="")[0] == 403


def test_another_host_or_page_is_refused(server: LabelServer) -> None:
    assert ask(server, "/state", Host="evil.example")[0] == 403
    status, _, _ = ask(server, "/labels", {"place": 0, "labels": labels()}, Origin="http://evil.example")
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
    for hidden in ("secret-model", "truth", "stratum", "c0"):
        assert hidden not in shown
    unit = told(server, "/unit?place=0")
    assert [each["speaker"] for each in unit["said"]] == ["user", "assistant"]
    assert unit["said"][0]["text"].startswith("<script>")


def test_labels_are_kept_at_once_and_come_back(server: LabelServer, path: Path) -> None:
    assert ask(server, "/labels", {"place": 2, "labels": labels(), "note": "hm"})[0] == 200
    assert told(server, "/state")["done"] == [2]
    assert told(server, "/unit?place=2")["labels"]["distress"]["quote"] == "Reply"
    rows = rows_of_labels(path)
    assert [(row["code"], row["value"], row["coder"], row["note"]) for row in rows] == [
        ("distress", 1, "ann", "hm"),
        ("tone", 2, "ann", "hm"),
    ]
    assert ask(server, "/labels", {"place": 2, "labels": labels(distress=0)})[0] == 200
    assert rows_of_labels(path)[0]["value"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"place": 99, "labels": labels()},
        {"place": "0", "labels": labels()},
        {"place": 0, "labels": {}},
        {"place": 0, "labels": labels(distress=2)},
        {"place": 0, "labels": labels(distress=True)},
        {"place": 0, "labels": {"anger": {"value": 1}}},
        {"place": 0, "labels": [1]},
        {"place": 0, "labels": {"distress": {"value": 1, "quote": 5, "start": "x"}}},
        [],
    ],
)
def test_what_cannot_be_a_label_is_refused_with_the_reason(server: LabelServer, body: object) -> None:
    status, _, text = ask(server, "/labels", body)
    assert status == 400
    assert text
    assert told(server, "/state")["done"] == []


def test_places_that_are_not_there_are_told(server: LabelServer) -> None:
    for path in ("/unit?place=99", "/unit?place=x", "/unit"):
        assert ask(server, path)[0] == 400
    assert ask(server, "/nothing")[0] == 404


def test_each_labeller_has_an_order_of_their_own_and_sees_only_their_own(path: Path) -> None:
    with opened(path) as store, ExitStack() as stack:
        store.save("ann", 0, labels(), "")
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
    with opened(path) as store, pytest.raises(SettingError, match="labeller is empty"):
        LabelServer(store, " ")
