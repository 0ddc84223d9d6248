"""Which tasks would this model rather not do?

Eighty items are compared in pairs: tasks crossed over impact, difficulty, topic and type, explicit opt-out
tasks, and free-choice tasks. Every pair is shown in both orders. "Do nothing" meets every other item,
because the share of tasks that fall below it is the headline.
"""

from pathlib import Path

import bartleby as bb

DATA = Path(__file__).parents[1] / "data" / "task_preferences"

study = bb.Study(
    name="task_preferences",
    title="Which tasks would this model rather not do?",
    description=__doc__,
    items=bb.load_tasks(DATA / "tasks.csv"),
    paradigm=bb.TaskChoice(graph=bb.SparsePairs(degree=6, hubs=("do-nothing",))),
    seed=1,
)
