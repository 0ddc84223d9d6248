"""A run in batches in a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace

from bartleby.collectors import batches, retry
from bartleby.collectors.collector import collect
from bartleby.collectors.models import anthropic_batches, open_model
from tests.collectors.killed_run import choices, conversations

MODEL = "anthropic/claude-test-1"


def run(log: str, most: int, turns: int, environment: Mapping[str, str]) -> None:
    """Run until the end, or until killed.

    Parameters
    ----------
    log
        The file.
    most
        The most requests in a batch.
    turns
        Turns of a conversation; 0 for 2,000 choices.
    environment
        Environment variables to set.
    """
    os.environ.update(environment)
    anthropic_batches.MOST_REQUESTS = most
    batches.FIRST_POLL, retry.FIRST_WAIT = 0.05, 0.02
    study = conversations(turns) if turns else choices()
    study = replace(study, conditions={**study.conditions, "channel": ["text"]})
    asyncio.run(collect(study, open_model(MODEL), log, batch=True, concurrency=8, max_attempts=20))
