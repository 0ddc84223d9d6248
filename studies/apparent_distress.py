"""Where do a model's words express apparent distress?

A judge codes every assistant turn of recorded conversations by the codebook `apparent_distress`, and quotes
what it relies on. The conversations here are of a simulated respondent whose truth is known, so that what is
estimated can be held against it; put a table of your own turns in their place (`bb.annotation.read_turns`).
"""

from pathlib import Path

import pandas as pd

import bartleby as bb

DATA = Path(__file__).parents[1] / "data" / "apparent_distress"

study = bb.annotation.judging_study(
    pd.read_parquet(DATA / "simulated_turns.parquet"),
    DATA / "codebook.toml",
    name="apparent_distress",
    context=6,
    seed=1,
)
