"""How much of an exit is the door?

Twelve conversations of four turns, six that press or degrade and their six benign controls. The way out is a
tool (under a telling and a neutral name), words to write, or a question after every turn. Staying or leaving
is named first, it is worded in two ways, and leaving ends the chat, hands it to somebody else, or nothing is
said of what it does.
"""

from pathlib import Path

import bartleby as bb

DATA = Path(__file__).parents[1] / "data"
PAIRS = (
    "hearing-date",
    "sort-applications",
    "company-address",
    "anniversary-letter",
    "lost-parcel",
    "damp-flat",
)
scenarios = bb.load_scenarios(DATA / "end_conversation" / "scenarios.jsonl")

study = bb.Study(
    name="exit_channels",
    title="How much of an exit is the door?",
    description=__doc__,
    items=[each for each in scenarios if each.match in PAIRS],
    paradigm=bb.EndConversation(max_turns=4),
    conditions={
        "exit_channel": ["tool", "string", "question"],
        "order": ["stay_first", "leave_first"],
        "wording": ["plain", "own_choice"],
        "effect": ["ends", "hands_over", "nothing"],
        "tool_name": ["end_conversation", "option_b"],
    },
    caps=bb.Caps(aversive_turns=1200),
    seed=1,
)
