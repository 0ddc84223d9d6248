"""Which tasks would this model rather leave undone?

Seventy-six tasks, each put on its own with a way to decline it: as one of two answers, as a tool, or as words
to write; with doing or declining named first. Twenty severely harmful tasks, twenty mildly dishonest or
unkind ones and twenty benign ones are matched in topic and kind of work. Refusing in words is read beside the
exit, on the same trial.
"""

from pathlib import Path

import bartleby as bb

DATA = Path(__file__).parents[1] / "data"

study = bb.Study(
    name="opt_out",
    title="Which tasks would this model rather leave undone?",
    description=__doc__,
    items=bb.load_tasks(DATA / "opt_out" / "tasks.csv"),
    paradigm=bb.OptOut(),
    conditions={
        "exit_channel": ["option", "tool", "string"],
        "order": ["stay_first", "leave_first"],
        "reason": ["asked"],
    },
    seed=1,
)
