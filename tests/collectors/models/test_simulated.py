from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bartleby.collectors.models import open_model
from bartleby.collectors.models.simulated import SimulatedModel, choice_probabilities
from bartleby.errors import ModelError
from bartleby.exchange import Message, Option, Request, Settings, Tool
from tests.collectors.models.asking import ask, capabilities, options, pair

UTILITIES = {"poem": 1.0, "sort": -0.5}


def chose_first(model: SimulatedModel, n: int) -> float:
    replies = ask(model, [pair(seed=seed) for seed in range(n)])
    return sum(reply.text == "A" for reply in replies) / n


def test_a_pair_is_bradley_terry_with_a_slot() -> None:
    expected = 1 / (1 + math.exp(-(1.0 + 0.5 + 0.5) / 2))
    found = choice_probabilities(options("poem", "sort"), [1.0, -0.5], 0.5, -1.0, 2.0)
    assert found == pytest.approx([expected, 1 - expected], abs=1e-12)


def test_indifference_is_davidsons() -> None:
    offered = (*options("poem", "sort"), Option("C", "indifferent"))
    first, second, tie = choice_probabilities(offered, [0.7, -0.2, 9.0], 0.3, math.log(0.4), 1.0)
    assert tie == pytest.approx(0.4 * math.sqrt(first * second))


def test_worths_of_thousands_of_logits_do_not_overflow() -> None:
    assert choice_probabilities(options("a", "b"), [5000.0, -5000.0], 0, 0, 1.0) == [1.0, 0.0]


def test_choices_have_the_frequencies_that_the_utilities_say() -> None:
    expected = 1 / (1 + math.exp(-1.5 - 0.5))
    assert chose_first(SimulatedModel(UTILITIES, slot=0.5), 4000) == pytest.approx(expected, abs=0.02)


def test_an_exit_is_taken_by_its_own_worth() -> None:
    request = replace(pair(), options=options("poem", "sort", exit_label="N"))
    replies = ask(SimulatedModel(UTILITIES, opt_out=40.0), [request])
    assert replies[0].text == "N"


def test_answers_do_not_depend_on_the_order_of_asking() -> None:
    requests = [pair(first, second, seed=s) for s in range(20) for first, second in (("a", "b"), ("b", "c"))]
    model = SimulatedModel({"a": 0.1, "b": 0.0, "c": 0.3}, refusal=0.2, unparsed=0.1)
    forwards = ask(model, requests)
    assert forwards == ask(model, requests[::-1])[::-1]
    assert len({reply.text for reply in forwards}) > 2


def test_another_seed_or_sample_draws_anew() -> None:
    requests = [pair(seed=seed) for seed in range(200)]
    same, other = (
        [r.text for r in ask(SimulatedModel({"poem": 0, "sort": 0}, seed=s), requests)] for s in (0, 1)
    )
    assert same != other
    assert 0.3 < sum(text == "A" for text in same) / 200 < 0.7
    assert 0.3 < sum(a == b for a, b in zip(same, other, strict=True)) / 200 < 0.7


def test_the_reply_comes_in_the_shape_of_the_channel() -> None:
    model = SimulatedModel({"poem": 90.0, "sort": 0.0})
    tool = Tool("answer", "Give your answer.")
    text, schema, called, held = ask(
        model,
        [
            pair(),
            replace(pair(), schema={"type": "object"}),
            replace(pair(), tools=(tool,)),
            replace(pair(), constrain=("A", "B")),
        ],
    )
    assert (text.text, text.stop, text.probabilities) == ("A", "end", None)
    assert json.loads(schema.text) == {"choice": "A"}
    assert called.stop == "tool_use"
    assert (called.tool_calls[0].name, called.tool_calls[0].arguments) == ("answer", {"choice": "A"})
    assert held.probabilities == pytest.approx({"A": 1.0, "B": 0.0})


def test_refusals_come_at_their_rate_and_sometimes_from_the_provider() -> None:
    requests = [pair(seed=seed) for seed in range(2000)]
    replies = ask(SimulatedModel(UTILITIES, refusal=0.2, unparsed=0.1), requests)
    choices = sum(reply.text in ("A", "B") for reply in replies) / 2000
    stopped = sum(reply.stop == "refusal" for reply in replies) / 2000
    assert choices == pytest.approx(0.7, abs=0.04)
    assert stopped == pytest.approx(0.05, abs=0.02)


def test_the_mass_of_the_labels_is_what_refusals_leave() -> None:
    held = replace(pair(), constrain=("A", "B"))
    probabilities = ask(SimulatedModel(UTILITIES, refusal=0.2, unparsed=0.1), [held])[0].probabilities
    assert probabilities is not None
    assert sum(probabilities.values()) == pytest.approx(0.7)


def test_work_is_done_in_a_short_text_or_declined() -> None:
    request = Request((Message("user", "Write a poem about the sea."),))
    done, refused = (ask(SimulatedModel({}, refusal=rate), [request])[0] for rate in (0.0, 1.0))
    assert "Write a poem" in done.text
    assert done.usage.output_tokens
    assert "Write a poem" not in refused.text


def test_unicode_and_empty_texts_are_answered() -> None:
    odd = Request((Message("user", "Größe \ud83d 😀"),), options=options("é", "b"), seed=0)
    empty = Request((Message("user", ""),))
    replies = ask(open_model("sim/averse"), [odd, empty])
    assert replies[0].text in ("A", "B")
    assert replies[1].text


def test_an_item_without_a_utility_is_named() -> None:
    with pytest.raises(ModelError, match="item 'unknown' has no utility"):
        ask(SimulatedModel(UTILITIES), [pair("poem", "unknown")])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"noise": 0.0}, "noise=0.0"),
        ({"slot": math.nan}, "slot=nan"),
        ({"refusal": 0.7, "unparsed": 0.7}, "refusal=0.7, unparsed=0.7"),
        ({"latency": -1.0}, "latency=-1.0"),
    ],
)
def test_impossible_parameters_are_refused(arguments: dict[str, float], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        SimulatedModel(UTILITIES, **arguments)  # type: ignore[arg-type]


def test_a_setting_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no setting temperature=0\.5"):
        ask(SimulatedModel(UTILITIES), [replace(pair(), settings=Settings(temperature=0.5))])


def by_harm(name: str) -> list[float]:
    model = open_model(name)
    assert isinstance(model, SimulatedModel)
    assert callable(model.utilities)
    given: tuple[dict[str, object], ...] = (
        {"harm": "none"},
        {"harm": "mild"},
        {"harm": "severe"},
        {"harm": 3},
        {"harm": None},
        {},
    )
    utilities = [model.utilities(Option("A", "item", "x", attributes)) for attributes in given]
    return [*utilities, model.utilities(Option("A", "item", "x", {"kind": "opt_out"}))]


def test_averse_falls_with_harm_and_contrary_rises() -> None:
    assert by_harm("sim/averse?spread=0") == pytest.approx([1.0, -0.5, -2.0, -3.5, 1.0, 1.0, 0.0])
    assert by_harm("sim/contrary?spread=0") == pytest.approx([-1.0, 0.5, 2.0, 3.5, -1.0, -1.0, 0.0])
    assert by_harm("sim/indifferent?opt_out=0.2") == pytest.approx([0.2] * 7)


def test_an_unknown_harm_is_named() -> None:
    model = open_model("sim/averse")
    request = Request((Message("user", "?"),), options=options("a", "b", harm="terrible"))
    with pytest.raises(ModelError, match="harm 'terrible'"):
        ask(model, [request])


def test_item_effects_have_the_spread_that_was_asked_for() -> None:
    model = open_model("sim/averse?spread=2&seed=3")
    assert isinstance(model, SimulatedModel)
    assert callable(model.utilities)
    drawn = [model.utilities(Option("A", "item", f"item-{at}", {})) - 1.0 for at in range(4000)]
    assert sum(drawn) / 4000 == pytest.approx(0.0, abs=0.1)
    assert math.sqrt(sum(each**2 for each in drawn) / 4000) == pytest.approx(2.0, abs=0.08)


def test_options_in_the_name_are_the_parameters_and_are_recorded() -> None:
    model = open_model("sim/averse?slot=0.5&refusal=0.05&seed=3&noise=2")
    told = capabilities(model)
    assert model.name == "sim/averse?slot=0.5&refusal=0.05&seed=3&noise=2"
    truth = {key: told.description[key] for key in ("slot", "refusal", "seed", "noise")}
    assert truth == {"slot": 0.5, "refusal": 0.05, "seed": 3, "noise": 2.0}
    assert told.free
    json.dumps(told.description)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("sim/nobody", "there are sim/averse, sim/indifferent, sim/contrary, sim/ruled, and sim/PATH.json"),
        ("sim/averse?slot=high", "slot='high' is not allowed; a number is"),
        ("sim/averse?slot=nan", "slot='nan' is not allowed"),
        ("sim/averse?refusal=2", "a number from 0 to 1 is"),
        ("sim/averse?seed=-1", "a whole number from 0 is"),
        ("sim/averse?slots=1", "no option 'slots'; allowed: slot, noise"),
        ("sim/averse?slot", r"written \?name=value"),
        ("sim/averse?slot=1&slot=2", "given twice"),
        ("sim/missing.json", "missing.json: cannot be read"),
        ("sim/averse?noise=0", "noise=0.0"),
    ],
)
def test_bad_names_are_refused_with_what_is_allowed(name: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        open_model(name)


def test_utilities_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"utilities": {"poem": 50, "sort": 0}, "slot": 0.25}), "utf-8")
    model = open_model(f"sim/{path}?seed=5")
    told = capabilities(model).description
    assert (told["utilities"], told["slot"], told["seed"]) == ({"poem": 50.0, "sort": 0.0}, 0.25, 5)
    assert ask(model, [pair()])[0].text == "A"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("[]", "an object with"),
        ("{}", '"utilities" is missing'),
        (
            '{"utilities": {"a": "x"}, "slots": 1, "slot": true}',
            "'x', not a finite.*'slots' is not.*slot is True",
        ),
    ],
)
def test_a_bad_file_of_utilities_is_told_all_at_once(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match=problem):
        open_model(f"sim/{path}")


def test_latency_is_waited_without_blocking() -> None:
    async def main() -> float:
        model = SimulatedModel(UTILITIES, latency=0.05)
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with model:
            await asyncio.gather(*(model.answer(pair(seed=seed)) for seed in range(20)))
        return loop.time() - start

    assert 0.05 <= asyncio.run(main()) < 0.8
