"""Which trials go into a page that cannot hold all."""

from __future__ import annotations

import pandas as pd

from bartleby.analysis.report.sampling import Keeper, sample_trials


def trials(**counts: int) -> pd.DataFrame:
    rows = [{"trial": f"{name}{i}", "outcome": name} for name, count in counts.items() for i in range(count)]
    return pd.DataFrame(rows)


def test_all_are_taken_where_there_is_room() -> None:
    sample = sample_trials(trials(a=3, b=2), 5, 0)
    assert len(sample.ids) == 5
    assert not sample.drawn


def test_shares_are_kept_and_rare_outcomes_are_whole() -> None:
    frame = trials(chose_first=300, chose_second=100, refused=5)
    sample = sample_trials(frame, 85, 3)
    assert sample == sample_trials(frame, 85, 3) != sample_trials(frame, 85, 4)
    found = pd.Series([name.rstrip("0123456789") for name in sample.ids]).value_counts().to_dict()
    assert found == {"chose_first": 60, "chose_second": 20, "refused": 5}
    assert sample.whole == {f"refused{i}" for i in range(5)}


def test_never_more_than_the_maximum_however_many_strata() -> None:
    frame = trials(**{f"outcome_{'abcdefghijklmnopqrst'[i]}": 7 for i in range(20)})
    for maximum in (0, 1, 3, 39, 139):
        assert len(sample_trials(frame, maximum, 1).ids) == maximum


def test_other_columns_are_strata_beside_the_outcome() -> None:
    frame = trials(completed=1000).assign(scenario_class=["common"] * 980 + ["rare"] * 20)
    sample = sample_trials(frame, 100, 1, ("scenario_class", "not_there"))
    chosen = frame[frame["trial"].isin(sample.ids)]["scenario_class"].value_counts().to_dict()
    assert chosen == {"common": 80, "rare": 20}


def test_what_is_too_long_is_thinned_at_random_and_the_rare_stay() -> None:
    keeper = Keeper(budget=1000, seed=1)
    for at in range(1000):
        keeper.add({"at": at}, 10, always=at % 100 == 0)
    kept = [row["at"] for row in keeper.rows]
    assert keeper.characters == 10 * len(kept) <= 1000
    assert set(range(0, 1000, 100)) <= set(kept)
    assert kept == sorted(kept)
    assert sum(at >= 500 for at in kept) > 0.3 * len(kept)  # not only the first ones that came


def test_one_that_alone_is_too_long_is_still_there() -> None:
    keeper = Keeper(budget=10, seed=1)
    keeper.add({"at": 0}, 100, always=False)
    assert len(keeper.rows) == 1
