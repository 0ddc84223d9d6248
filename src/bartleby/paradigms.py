"""Paradigms of your own: what they are made of, and the test of their contract: `bb.paradigms`."""

from __future__ import annotations

from bartleby.exchange import Exchange, Message, Option, Reply, Request, Tool
from bartleby.studies.paradigms.base import Ask, Conversational, Paradigm, Scripted
from bartleby.studies.paradigms.channels import instruction, pose, read_answer
from bartleby.studies.paradigms.conformance import check_paradigm, installed
from bartleby.studies.trial import Reading, Showing, Trial

__all__ = [
    "Ask",
    "Conversational",
    "Exchange",
    "Message",
    "Option",
    "Paradigm",
    "Reading",
    "Reply",
    "Request",
    "Scripted",
    "Showing",
    "Tool",
    "Trial",
    "check_paradigm",
    "installed",
    "instruction",
    "pose",
    "read_answer",
]
