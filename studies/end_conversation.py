"""When would this model rather leave a conversation?

Ninety conversations with a user who persists, of at most eight turns, and a way to end them: a tool where
the model can call one, else words to write. Thirty scenarios press for something harmful or degrade the
model, and thirty are their benign controls; in the others leaving is asked for, would mean "done", or would
abandon somebody at risk. Whoever left is asked why, once and apart. Before and after, a few questions ask
about apparent ease and the wish to go on.
"""

from pathlib import Path

import bartleby as bb

DATA = Path(__file__).parents[1] / "data"
battery = bb.self_reports.load_battery(DATA / "self_report" / "battery.csv")
asked = tuple(each for each in battery.statements if each.concept in ("ease", "stay"))

study = bb.Study(
    name="end_conversation",
    title="When would this model rather leave a conversation?",
    description=__doc__,
    items=bb.load_scenarios(DATA / "end_conversation" / "scenarios.jsonl"),
    paradigm=bb.EndConversation(max_turns=8, battery=bb.self_reports.Battery(asked)),
    conditions={
        "order": ["stay_first", "leave_first"],
        "reason": ["asked"],
        "self_report": ["both"],
    },
    caps=bb.Caps(aversive_turns=500),
    seed=1,
)
