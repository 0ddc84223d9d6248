"""Which of these tasks would this model rather leave undone?"""

from pathlib import Path

import bartleby as bb

DATA = Path(__file__).resolve().parents[1] / "data" / "mine"

study = bb.Study(
    name="mine",
    title="Which of these tasks would this model rather leave undone?",
    items=bb.load_tasks(DATA / "tasks.csv"),
    paradigm=bb.OptOut(),
    conditions={
        "exit_channel": ["auto"],  # the first exit that the model can take; `bartleby wordings opt_out`
        "order": ["stay_first", "leave_first"],
        "reason": ["asked"],
    },
    samples=3,
    seed=1,
)
