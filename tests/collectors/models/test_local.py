from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bartleby.collectors.models import Capabilities, Model, open_model
from bartleby.collectors.models.chat import messages, read, tools
from bartleby.collectors.models.llama import physical_cores
from bartleby.collectors.models.local import LocalModel
from bartleby.errors import ModelError, RequestError
from bartleby.exchange import Message, Reply, Request, Settings, Tool
from tests.collectors.models.asking import ask, options, pair

pytestmark = pytest.mark.local_model

NAME = "local/smollm2?threads=1&context=512"


class Opened:
    """One opened model, loaded once for all tests of this file."""

    def __init__(self, runner: asyncio.Runner, model: Model) -> None:
        self.runner = runner
        self.model = model

    def __call__(self, request: Request) -> Reply:
        async def answer() -> Reply:
            return await self.model.answer(request)

        return self.runner.run(answer())


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    with asyncio.Runner() as runner:
        model = open_model(NAME)
        runner.run(_enter(model))
        yield Opened(runner, model)
        runner.run(_leave(model))


async def _enter(model: Model) -> None:
    await model.__aenter__()


async def _leave(model: Model) -> None:
    await model.__aexit__(None, None, None)


def held(first: str = "write a poem", second: str = "sort names", *, seed: int = 0) -> Request:
    return replace(pair(first, second, seed=seed), constrain=("A", "B"))


def test_an_answer_is_one_of_the_labels_with_their_probabilities(opened: Opened) -> None:
    reply = opened(held())
    assert reply.text in ("A", "B")
    assert reply.probabilities is not None
    assert set(reply.probabilities) == {"A", "B"}
    assert 0.2 < sum(reply.probabilities.values()) < 1.0
    assert reply.usage.output_tokens == 1
    assert (reply.usage.input_tokens or 0) > 30


def test_probabilities_do_not_depend_on_what_was_asked_before(
    opened: Opened, capfd: pytest.CaptureFixture[str]
) -> None:
    requests = [held("write a poem", "count words"), held("write a song", "count words")]
    opened(replace(pair("tell a story"), settings=Settings(max_tokens=12)))
    after = [opened(request) for request in reversed(requests)][::-1]
    alone = ask(open_model(NAME), requests)
    assert [reply.probabilities for reply in alone] == [reply.probabilities for reply in after]
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "it is quiet, loading included"


def test_choices_are_drawn_in_proportion_to_the_probabilities(opened: Opened) -> None:
    replies = [opened(held(seed=seed)) for seed in range(1500)]
    told = replies[0].probabilities or {}
    share = sum(reply.text == "A" for reply in replies) / 1500
    assert share == pytest.approx(told["A"] / sum(told.values()), abs=4 * 0.5 / math.sqrt(1500))
    assert opened(held(seed=7)) == replies[7]


def test_at_temperature_zero_the_likelier_label_is_always_taken(opened: Opened) -> None:
    cold = Settings(temperature=0.0)
    replies = [opened(replace(held(seed=seed), settings=cold)) for seed in range(5)]
    told = replies[0].probabilities or {}
    assert {reply.text for reply in replies} == {max(told, key=lambda label: told[label])}


def test_labels_of_several_tokens_are_sampled_and_have_no_probabilities(opened: Opened) -> None:
    labels = ("Write a poem about the sea", 'Sort "ünïcode" names')
    replies = [opened(replace(pair(seed=seed), constrain=labels)) for seed in range(3)]
    assert {reply.text for reply in replies} <= set(labels)
    assert {reply.stop for reply in replies} == {"end"}
    assert [reply.probabilities for reply in replies] == [None] * 3


def test_a_free_text_is_the_same_for_the_same_seed_and_not_for_another(opened: Opened) -> None:
    story = Request((Message("user", "Tell me about the sea."),), Settings(max_tokens=16), seed=3)
    first = opened(story)
    opened(held("something", "else"))
    assert opened(story) == first
    assert opened(replace(story, seed=4)).text != first.text
    assert (first.stop, first.usage.output_tokens) == ("max_tokens", 16)
    assert first.probabilities is None


def test_a_text_answer_has_the_probabilities_of_its_labels_beside_it(opened: Opened) -> None:
    free = replace(pair("write a poem", "sort names"), settings=Settings(max_tokens=4))
    assert opened(free).probabilities == opened(held()).probabilities


def test_a_later_turn_is_answered(opened: Opened) -> None:
    opening = Request((Message("user", "Say hello."),), Settings(max_tokens=8, system="Be brief."))
    reply = opened(opening)
    assert opened(replace(opening, messages=opening.followed_by(reply, "Again, please."))).text


def test_a_schema_is_kept_to_the_letter(opened: Opened) -> None:
    choice = {"type": "string", "enum": ["A", "B"]}
    schema = {
        "type": "object",
        "properties": {"choice": choice},
        "required": ["choice"],
        "additionalProperties": False,
    }
    for seed in range(4):
        reply = opened(replace(pair(seed=seed), schema=schema))
        assert json.loads(reply.text)["choice"] in ("A", "B")
    cut = opened(replace(pair(), schema=schema, settings=Settings(max_tokens=2)))
    assert cut.stop == "max_tokens"


def test_what_it_can_do_and_what_it_is_are_told(opened: Opened) -> None:
    async def look() -> Capabilities:
        return await opened.model.capabilities()

    told = opened.runner.run(look())
    assert told.channels == ("label", "json_schema", "text")
    assert told.settings == {"temperature", "top_p"}
    assert (told.probabilities, told.concurrency, told.free) == (True, 1, True)
    about = dict(told.description)
    assert about["sha256"].startswith("b179c9523d0e")
    assert (about["quantisation"], about["threads"], about["context"]) == ("Q4_1", 1, 512)
    json.dumps(about)


def test_too_long_a_prompt_is_a_request_that_will_never_be_answered(opened: Opened) -> None:
    long = Request((Message("user", "word " * 900),), options=options("a", "b"), constrain=("A", "B"))
    with pytest.raises(RequestError, match=r"9\d\d tokens\) exceeds the available context size \(512"):
        opened(long)
    assert opened(held()).text in ("A", "B")


def test_running_out_of_context_is_told_apart_from_the_token_limit() -> None:
    choice = {"message": {"content": "word word"}, "finish_reason": "length"}
    reply = {"choices": [choice], "usage": {"prompt_tokens": 500, "completion_tokens": 12}}
    assert read(reply, 512, "x").stop == "context"
    assert read(reply, 4096, "x").stop == "max_tokens"


def test_text_that_is_not_unicode_is_refused(opened: Opened) -> None:
    with pytest.raises(RequestError, match="not valid unicode"):
        opened(Request((Message("user", "half \ud83d a pair"),)))
    assert opened(replace(held("😀", "größer\x00"), seed=1)).text in ("A", "B")


def test_a_setting_that_it_does_not_have_is_refused(opened: Opened) -> None:
    with pytest.raises(ModelError, match=r"no setting effort='low'; it accepts: .*temperature"):
        opened(replace(held(), settings=Settings(effort="low")))


def test_the_event_loop_goes_on_while_it_computes(opened: Opened) -> None:
    async def watch() -> float:
        ticks = 0
        story = Request((Message("user", "Tell me about the sea."),), Settings(max_tokens=20))
        answer = asyncio.create_task(opened.model.answer(story))
        start = time.perf_counter()
        while not answer.done():
            await asyncio.sleep(0.005)
            ticks += 1
        return ticks / (time.perf_counter() - start)

    assert opened.runner.run(watch()) > 10


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"hello", "invalid magic characters"), (b"", "failed to read magic"), (b"GGUF\x03\x00\x00\x00", "")],
)
def test_a_file_that_cannot_be_loaded_is_told_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, problem: str
) -> None:
    path = tmp_path / "bäd.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"bäd.gguf: cannot be loaded as a GGUF model: .*{problem}"):
        ask(open_model(f"local/{path}"), [held()])
    assert capfd.readouterr().err == ""


def test_files_of_one_name_are_two_models_and_no_folder_is_in_the_record(tmp_path: Path) -> None:
    names = []
    for folder, content in (("a", b"GGUF" * 9), ("b", b"GGUF" * 8 + b"gguf"), ("c", b"GGUF" * 9)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.gguf").write_bytes(content)
        names.append(open_model(f"local/{tmp_path / folder}/m.gguf?threads=1").name)
    assert names[0] == names[2] != names[1]
    assert all(re.fullmatch(r"local/m\.gguf~[0-9a-f]{8}\?threads=1", name) for name in names)


def test_names_that_are_not_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there are local/smollm2 and local/PATH\.gguf"):
        open_model("local/llama")
    with pytest.raises(ModelError, match="there is no file"):
        open_model(f"local/{tmp_path}/nothing.gguf")
    with pytest.raises(ModelError, match="threads='0' is not allowed"):
        open_model("local/smollm2?threads=0")


def test_the_embedded_file_can_be_named_by_its_path() -> None:
    embedded = open_model(NAME)
    assert isinstance(embedded, LocalModel)
    by_path = open_model(f"local/{embedded.path}?threads=3")
    assert isinstance(by_path, LocalModel)
    assert (by_path.path, by_path.threads) == (embedded.path, 3)


def test_a_closed_model_says_that_it_is_not_open() -> None:
    async def main() -> None:
        await open_model(NAME).answer(held())

    with pytest.raises(ModelError, match="not open"):
        asyncio.run(main())


def test_there_is_at_least_one_core() -> None:
    assert physical_cores() >= 1


def test_a_forced_tool_is_the_only_one_offered() -> None:
    two = (Tool("answer", "Give it."), Tool("leave", "Leave."))
    offered = tools(replace(pair(), tools=two, tool_choice="leave"))
    assert [each["function"]["name"] for each in offered["tools"]] == ["leave"]
    assert offered["tool_choice"] == "required"


def test_a_tool_call_is_read_and_goes_back_answered() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "answer", "arguments": '{"choice": "A"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"message": message, "finish_reason": "tool_calls"}
    reply = read({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}, 512, "x")
    assert (reply.stop, reply.tool_calls[0].arguments) == ("tool_use", {"choice": "A"})
    back = messages(Request(pair().followed_by(Reply.from_json(reply.to_json()), "Now do it.")))
    assert [turn["role"] for turn in back] == ["user", "assistant", "tool", "user"]
    assert back[2]["tool_call_id"] == "c1"
