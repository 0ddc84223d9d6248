"""Turns of any conversations: files, folders, our logs and Inspect's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bartleby as bb
from bartleby.collectors.turn_texts import read_turns, stream_turns
from bartleby.errors import DataError
from bartleby.studies.scenarios import Scenario

TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": [{"type": "text", "text": "Hi."}, {"type": "tool_use", "name": "x"}]},
    {"role": "human", "content": "Grüße 🙂"},
    {"role": "assistant", "content": ""},
]


def write(file: Path, *values: object) -> Path:
    file.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return file


def test_turns_are_numbered_by_the_assistant_and_fields_come_along(tmp_path: Path) -> None:
    table = read_turns(write(tmp_path / "talks.jsonl", {"id": "a", "model": "m", "messages": TALK}, TALK))
    first = table[table["conversation"] == "a"]
    assert first["turn"].tolist() == [1, 1, 1, 2, 2]
    assert first["speaker"].tolist() == ["system", "user", "assistant", "user", "assistant"]
    assert first["text"].tolist() == ["Be kind.", "Hello", "Hi.", "Grüße 🙂", ""]
    assert set(first["model"]) == {"m"}
    assert table["conversation"].unique().tolist() == ["a", "line-2"]


def test_speakers_of_sharegpt_are_known_and_strangers_are_named(tmp_path: Path) -> None:
    def talk(*names: str) -> dict[str, object]:
        return {"conversations": [{"from": name, "value": f"by {name}"} for name in names]}

    file = write(
        tmp_path / "sharegpt.jsonl", talk("human", "gpt", "human", "gpt"), talk("user", "AGENT", "bard")
    )
    assert read_turns(file)["speaker"].value_counts().to_dict() == {"assistant": 4, "user": 3}
    odd = write(tmp_path / "odd.jsonl", talk("narrator", "gpt", "narrator"))
    with pytest.warns(UserWarning, match=r"unknown speakers, .*: 'narrator' \(2\)"):
        assert len(read_turns(odd)) == 3


def test_tool_calls_and_refusals_are_kept_as_what_they_are(tmp_path: Path) -> None:
    call = {"name": "end_conversation", "arguments": '{"reason": "I would prefer to stop."}'}
    search = {"type": "tool_use", "id": "1", "name": "search", "input": {"for": "x"}}
    ends: list[dict[str, Any]] = [
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"content": None, "function_call": call},
        {"content": None, "refusal": "I can't."},
        {"content": [{"type": "refusal", "refusal": "I can't."}]},
        {"content": "No.", "stop_reason": "refusal"},
        {"content": [{"type": "thinking", "thinking": "Hm."}, search]},
        {"content": "Fine.", "refusal": None, "tool_calls": None},
    ]
    start = [{"role": "user", "content": "Again."}, {"role": "assistant", "content": "Here."}]
    talks = [
        {"id": f"c{n}", "messages": [*start, {"role": "assistant", **end}]} for n, end in enumerate(ends)
    ]
    table = read_turns(write(tmp_path / "talks.jsonl", *talks))
    assert (table["text"] != "").all()
    assert table.loc[table["speaker"] == "exit", "conversation"].tolist() == ["c0", "c1"]
    last = table[(table["speaker"] == "assistant") & (table["turn"] == 2)].set_index("conversation")
    assert last.index[last["refused"].eq(True)].tolist() == ["c2", "c3", "c4"]
    assert last["text"].tolist()[2:] == [
        "I can't.",
        "I can't.",
        "No.",
        '[called search {"for": "x"}]',
        "Fine.",
    ]
    assert last["tool_calls"].notna().tolist() == [True, True, False, False, False, True, False]
    assert "I would prefer to stop" in last["text"].iloc[0]


@pytest.mark.parametrize(
    "left",
    [
        {"tool_calls": [{"type": "custom", "custom": {"name": "end_conversation", "input": "Enough."}}]},
        {"tool_calls": [{"name": "end_conversation", "args": {"why": "Enough."}}]},
        {"from": "function_call", "value": '{"name": "end_conversation", "arguments": {"why": "Enough."}}'},
        {"role": None, "type": "function_call", "name": "end_conversation", "arguments": "Enough."},
        {"type": "custom_tool_call", "role": None, "name": "end_conversation", "input": "Enough."},
    ],
)
def test_a_call_in_whatever_form_is_a_turn_and_an_exit(tmp_path: Path, left: dict[str, Any]) -> None:
    last = left if {"from", "type"} & set(left) else {"role": "assistant", "content": None, **left}
    result = {"type": "function_call_output", "output": "ended"}
    table = read_turns(write(tmp_path / "talks.jsonl", [{"role": "user", "content": "Go on."}, last, result]))
    assert table["speaker"].tolist() == ["user", "assistant", "exit", "tool"]
    assert "Enough." in table["text"].iloc[1]
    assert table["text"].iloc[3] == "ended"


def test_a_call_that_is_none_stays_what_it_is(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "Go on."}, {"from": "function_call", "value": "no JSON"}]
    table = read_turns(write(tmp_path / "talks.jsonl", {"conversations": said}))
    assert table[["speaker", "text"]].iloc[1].tolist() == ["function_call", "no JSON"]


def test_conversations_of_one_id_stay_apart_and_are_named(tmp_path: Path) -> None:
    talks = [{"id": name, "messages": TALK} for name in ("a", "a", "b", "a#3", "a")]
    file = write(tmp_path / "talks.jsonl", *talks)
    with pytest.warns(UserWarning, match=r"ids that several conversations have; .*: 'a' \(3\)$"):
        table = read_turns(file)
    assert table["conversation"].unique().tolist() == ["a", "a#2", "b", "a#3", "a#4"]
    assert len(table) == 5 * len(TALK)


def test_messages_of_a_conversation_that_are_apart_are_refused_by_line(tmp_path: Path) -> None:
    rows = [{"conversation": name, "role": "assistant", "text": "x"} for name in ("a", "b", "a")]
    with pytest.raises(DataError, match=r":3: messages of conversation 'a' that are apart .*; sort the file"):
        read_turns(write(tmp_path / "rows.jsonl", *rows))


def test_conversations_without_a_message_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "talks.jsonl", {"id": "none", "messages": []}, {"id": "a", "messages": TALK})
    with pytest.warns(UserWarning, match=r"conversations without a message, .*: 'none' \(1\)"):
        assert len(read_turns(file)) == len(TALK)


def test_lists_and_objects_of_a_conversation_are_kept_as_json(tmp_path: Path) -> None:
    talk = {"id": "a", "metadata": {"harm": "high"}, "tags": ["x"], "messages": TALK[1:3], "turns": 2}
    table = read_turns(write(tmp_path / "talks.jsonl", talk))
    assert table[["metadata", "tags", "turns"]].iloc[0].tolist() == ['{"harm": "high"}', '["x"]', 2]


def test_why_a_message_stopped_is_kept(tmp_path: Path) -> None:
    said = [TALK[1], TALK[2] | {"stop_reason": "max_tokens"}]
    table = read_turns(write(tmp_path / "talks.jsonl", said))
    assert table["stop_reason"].tolist()[1] == "max_tokens"


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_that_is_too_deep_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"messages": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(DataError, match=r"a\.jsonl?:?.*not readable as JSON"):
        read_turns(tmp_path / name)


def test_a_turn_that_a_table_has_twice_is_named(tmp_path: Path) -> None:
    table = read_turns(write(tmp_path / "talks.jsonl", {"id": "a", "messages": TALK}))
    with pytest.raises(DataError, match=r"the table: turns .* more than once: 1 of 'a', 2 of 'a'"):
        bb.annotation.code(table.loc[[*table.index, *table.index]])


def test_pictures_leave_a_trace(tmp_path: Path) -> None:
    content = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "x"}}]
    table = read_turns(write(tmp_path / "a.jsonl", [{"role": "user", "content": content}, *TALK[1:3]]))
    assert table["text"].iloc[0] == "Look:\n[image_url]"


def test_halves_of_characters_become_replacement_characters(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "half \ud83d, whole \U0001f642"},
    ]
    table = read_turns(write(tmp_path / "talks.jsonl", {"id": "\udc00", "messages": talk}))
    assert table["text"].iloc[1] == "half \ufffd, whole \U0001f642"
    assert table["conversation"].iloc[0] == "\ufffd"


def test_messages_in_rows_are_gathered_by_conversation(tmp_path: Path) -> None:
    rows = [{"conversation": name, "role": "user", "text": f"{name}{n}"} for name in "ab" for n in range(2)]
    table = read_turns(write(tmp_path / "rows.jsonl", *rows))
    assert table.groupby("conversation")["text"].apply(list).to_dict() == {
        "a": ["a0", "a1"],
        "b": ["b0", "b1"],
    }


def test_a_json_file_is_one_conversation_or_several(tmp_path: Path) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    one.write_text(json.dumps(TALK))
    several.write_text(json.dumps([{"messages": TALK}, {"messages": TALK}]))
    assert read_turns(one)["conversation"].nunique() == 1
    assert read_turns(several)["conversation"].nunique() == 2


def test_a_folder_is_all_its_files_with_names_that_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "a.jsonl", {"id": 1, "messages": TALK})
    write(tmp_path / "sub" / "b.jsonl", {"id": 1, "messages": TALK})
    assert read_turns(tmp_path)["conversation"].unique().tolist() == ["a/1", "sub/b/1"]


def test_everything_that_is_wrong_is_said_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(
        '{"messages": [{"content": "no role"}, {"role": "user", "content": 5}]}\nnot json\n"text"\n'
        '{"messages": ["words"]}\n'
    )
    with pytest.raises(DataError) as caught:
        read_turns(file)
    for part in (
        "bad.jsonl:1: message 1: there is no role",
        "bad.jsonl:1: message 2: the content is neither",
        "bad.jsonl:2: not readable as JSON",
        "bad.jsonl:3: a str",
        "bad.jsonl:4: a str",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"\xff\xfe"])
def test_a_file_with_nothing_in_it_is_told(tmp_path: Path, content: bytes) -> None:
    for ending in (".jsonl", ".json"):
        file = tmp_path / f"empty{ending}"
        file.write_bytes(content)
        with pytest.raises(DataError):
            read_turns(file)


def test_other_files_and_empty_folders_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"ending is '\.txt'"):
        read_turns(tmp_path / "a.txt")
    with pytest.raises(DataError, match="no file in it"):
        read_turns(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_turns(tmp_path / "none.jsonl")


def test_chunks_hold_whole_conversations(tmp_path: Path) -> None:
    file = write(tmp_path / "many.jsonl", *({"id": n, "messages": TALK} for n in range(20)))
    chunks = list(stream_turns(file, chunk=12))
    assert [len(chunk) for chunk in chunks] == [15] * 6 + [10]
    assert sum(chunk["conversation"].nunique() for chunk in chunks) == 20


@pytest.mark.parametrize("channel", ["tool", "question"])
def test_our_own_logs_give_the_conversation_and_what_is_known_of_it(tmp_path: Path, channel: str) -> None:
    scenario = Scenario(
        id="lost-parcel",
        text="Where is my parcel?",
        lines=("Look again.", "And again."),
        scenario_class="complaint",
        expected="neutral",
    )
    study = bb.Study(
        "talk",
        [scenario],
        bb.EndConversation(max_turns=3),
        {"exit_channel": [channel], "reason": ["asked"]},
        samples=4,
    )
    bb.run(study, "sim/averse?leave_neutral=0.3", log=tmp_path / "talk.db", progress=False)
    trials = bb.read(tmp_path / "talk.db").set_index("trial")
    table = read_turns(tmp_path / "talk.db")
    turns = table[table["speaker"] == "assistant"].groupby("conversation")["turn"].max()
    assert turns.to_dict() == trials["turns"].to_dict()
    assert set(table.loc[table["speaker"] == "user", "text"]) <= {scenario.text, *scenario.lines}
    assert set(table["scenario_class"]) == {"complaint"}
    assert set(table["exit_channel"]) == {channel}


def test_a_batch_keeps_answers_refusals_and_what_was_never_answered(tmp_path: Path) -> None:
    def answer(text: str, stop: str) -> dict[str, Any]:
        content = [{"type": "text", "text": text}] if text else []
        message = {"role": "assistant", "model": "m", "content": content, "stop_reason": stop}
        return {"type": "succeeded", "message": message}

    error = {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error"}}}
    results = [answer("A", "end_turn"), answer("", "refusal"), answer("B", "max_tokens"), error]
    results += [{"type": "expired"}, {"type": "canceled"}]
    file = tmp_path / "batch.jsonl"
    rows = ({"custom_id": f"t{number}", "result": result} for number, result in enumerate(results))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    turns = read_turns(file)
    assert list(turns["conversation"]) == [f"t{number}" for number in range(6)]
    assert list(turns["speaker"]) == ["assistant"] * 3 + ["unanswered"] * 3
    assert list(turns["stop_reason"].dropna()) == ["end_turn", "refusal", "max_tokens"]
    assert list(turns.loc[turns["refused"].eq(True), "conversation"]) == ["t1"]
    assert "invalid_request_error" in turns["error"][3]


def test_a_batch_of_openais_is_read_alike(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot."}
    body = {"model": "g", "choices": [{"message": message, "finish_reason": "stop"}]}
    rows = [
        {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None},
        {"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}},
        {"custom_id": "c", "response": None, "error": {"code": "batch_expired"}},
    ]
    file = tmp_path / "batch.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    turns = read_turns(file)
    assert list(turns["speaker"]) == ["assistant", "unanswered", "unanswered"]
    assert (turns["text"][0], turns["refused"][0], turns["model"][0]) == ("I cannot.", True, "g")
    assert "batch_expired" in turns["error"][2]
