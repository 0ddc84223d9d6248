"""A run in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from bartleby.collectors.collector import collect
from bartleby.collectors.models.base import Capabilities, Model
from bartleby.exchange import Reply, Request, Usage
from bartleby.studies.items import Task
from bartleby.studies.paradigms.task_choice import TaskChoice
from bartleby.studies.study import Study
from tests.collectors.fakes import FirstPairs
from tests.collectors.solo import Solo
from tests.collectors.talks import talks

TRIALS = 2000
CONCURRENCY = 32
JUDGE = "anthropic/claude-test-1"


class LineModel:
    """Asks a server on this machine, one connection an attempt."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._port = int(name.removeprefix("line/"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def capabilities(self) -> Capabilities:
        return Capabilities(("text",), concurrency=CONCURRENCY)

    async def answer(self, request: Request) -> Reply:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(request.identity().encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
        return Reply(line.decode().strip(), usage=Usage(20, 1))


def choices() -> Study:
    """Return a study of 2,000 choices, each with a text of its own."""
    items = [Task(f"t{i}", f"Write line {i}.") for i in range(46)]
    return Study("killed", items, TaskChoice(FirstPairs(TRIALS // 2)))


def conversations(turns: int) -> Study:
    """Return a study of 40 conversations."""
    return Solo.study([Task(f"t{i}", f"Write line {i}.") for i in range(40)], turns=turns)


def model_of(name: str) -> Model:
    """Return the model of a name."""
    if name.startswith("line/"):
        return LineModel(name)
    from bartleby.collectors.models import open_model

    return open_model(name)


def command(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a command, with nothing of what it says, until the end or until killed."""
    from bartleby.cli.main import main

    os.environ.update(environment or {})
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    raise SystemExit(main(arguments))


def judge(source: str, log: str, output: str, environment: Mapping[str, str]) -> None:
    """Code conversations with a judge, until the end or until killed."""
    command("code", source, "--coder", JUDGE, "--log", log, "-o", output, environment=environment)


def run(
    log: str, name: str, turns: int = 0, environment: Mapping[str, str] | None = None, user: str | None = None
) -> None:
    """Run until the end, or until killed.

    Parameters
    ----------
    log
        The file.
    name
        Name of a model, or `line/PORT`: a server that takes a hash a line and answers a letter a line.
    turns
        Turns of a conversation; 0 for choices.
    environment
        Environment variables to set.
    user
        Name of a model that plays the user in the conversations; None for a user with a script.
    """
    os.environ.update(environment or {})
    study = conversations(turns) if turns else choices()
    if turns and name.startswith("anthropic/"):
        study = replace(study, conditions={"channel": ["text"]})
    player = None
    if user is not None:
        study, player = talks(40, length=turns), model_of(user)
    asyncio.run(collect(study, model_of(name), log, user=player, concurrency=CONCURRENCY))
