"""The curve of staying against R's survival and lifelines, and at its edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartleby.analysis.exits.survival import Curve, Stays, kaplan_meier
from bartleby.analysis.inference.intervals import clustered_rate, independent_rate
from bartleby.errors import DataError

TIME = [1, 1, 2, 3, 5, 5, 2, 4, 4, 5, 5, 5, 1, 1, 1, 2, 3, 5, 3, 3, 4, 5, 5, 5, 2, 2, 3, 5, 1, 5]
EVENT = [1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0]
CLUSTER = [number // 5 for number in range(30)]

# R 4.2, survival 3.5: survfit(Surv(time, event) ~ 1, conf.type = "log-log"), summary(..., rmean =)
SURVIVAL = [0.83333333333333, 0.69444444444444, 0.58479532163743, 0.45948203842941, 0.33416875522139]
GREENWOOD = [0.068041381743977, 0.085051727179971, 0.092220611059271, 0.096763186965876, 0.093591027904043]
LOW = [0.64496100491673, 0.49444847508641, 0.38501203046859, 0.26654947715395, 0.16387991501822]
HIGH = [0.92700604591360, 0.82796332766197, 0.73966969313877, 0.63293870836332, 0.51463702337267]
# the same with cluster =: the infinitesimal jackknife
ROBUST = [0.073282810879294, 0.080554225191228, 0.095892436220265, 0.057596958108413, 0.100166311809831]


def stays(
    time: list[int], exited: list[int], cluster: list[int] | None = None, weight: list[float] | None = None
) -> Stays:
    return Stays(
        np.array(time, dtype=np.int64),
        np.array(exited) == 1,
        np.ones(len(time)) if weight is None else np.array(weight, dtype=float),
        None if cluster is None else np.array(cluster, dtype=np.int64),
    )


def curve(time: list[int], exited: list[int], cluster: list[int] | None = None) -> Curve:
    return kaplan_meier(stays(time, exited, cluster), 0.95)


def test_curve_and_log_log_interval_equal_those_of_r() -> None:
    found = curve(TIME, EVENT)
    assert found.at_risk.tolist() == [30, 24, 19, 14, 11]
    np.testing.assert_allclose(found.staying, SURVIVAL, rtol=1e-12)
    np.testing.assert_allclose(found.std_error, GREENWOOD, rtol=1e-12)
    np.testing.assert_allclose(found.low[1:], LOW[1:], rtol=1e-12)
    np.testing.assert_allclose(found.high[1:], HIGH[1:], rtol=1e-12)
    # At the first turn nobody was censored before, so that it is a rate.
    rate = independent_rate(5, 30, 0.95)
    assert (found.low[0], found.high[0]) == (1 - rate.high, 1 - rate.low)


def test_restricted_means_equal_those_of_r_and_lifelines() -> None:
    found = curve(TIME, EVENT)
    five, four = found.restricted_mean(5, 0.95), found.restricted_mean(4, 0.95)
    assert five.estimate == pytest.approx(3.57205513784461, rel=1e-12)
    assert five.std_error == pytest.approx(0.29012157261849, rel=1e-12)
    assert four.estimate == pytest.approx(3.11257309941520, rel=1e-12)
    assert four.std_error == pytest.approx(0.21625234814033, rel=1e-12)


def test_the_influence_of_clusters_equals_the_infinitesimal_jackknife_of_r() -> None:
    found = curve(TIME, EVENT, CLUSTER)
    steps, share = found.influence.steps, found.influence.share
    assert steps is not None
    assert share is not None
    # Without what CR2 adds for the part of the fit that each cluster made itself.
    plain = np.cumsum(steps * np.sqrt(1 - share), axis=1)
    np.testing.assert_allclose(found.staying * np.sqrt(np.sum(plain**2, axis=0)), ROBUST, rtol=1e-10)
    area = np.cumsum(found.staying[:4][::-1])[::-1]
    mean = (steps * np.sqrt(1 - share))[:, :4] @ area
    assert np.sqrt(np.sum(mean**2)) == pytest.approx(0.25749771921481, rel=1e-10)


def test_cr2_is_unbiased_where_conversations_are_independent() -> None:
    rng = np.random.default_rng(3)
    ratio = []
    for _ in range(300):
        time, exited = rng.integers(1, 5, 60), rng.random(60) < 0.6
        robust = kaplan_meier(Stays(time, exited, np.ones(60), np.repeat(np.arange(10), 6)), 0.95)
        plain = kaplan_meier(Stays(time, exited, np.ones(60)), 0.95)
        ratio.append(robust.std_error[2] ** 2 / plain.std_error[2] ** 2)
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.05)


def test_one_turn_without_censoring_is_a_rate() -> None:
    exited = [1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0]
    cluster = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    found = curve([1] * 12, exited, cluster)
    rate = clustered_rate([1, 2, 0, 1], [3, 3, 3, 3], 0.95)
    assert found.staying[0] == pytest.approx(1 - rate.estimate)
    assert found.std_error[0] == pytest.approx(rate.std_error, rel=1e-12)
    assert found.df[0] == pytest.approx(rate.df, rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40),
    st.booleans(),
)
@settings(max_examples=60)
def test_curves_fall_and_lie_within_their_intervals(rows: list[tuple[int, bool, int]], these: bool) -> None:
    time, exited, cluster = ([row[at] for row in rows] for at in range(3))
    found = kaplan_meier(stays(time, [int(each) for each in exited], cluster), 0.95, these_items=these)
    assert np.all(np.diff(found.staying) <= 1e-12)
    known = ~np.isnan(found.low)
    assert np.all(found.low[known] <= found.staying[known] + 1e-12)
    assert np.all(found.high[known] >= found.staying[known] - 1e-12)
    assert np.all(found.low[known] < found.high[known])
    assert found.at_risk[0] == len(rows)
    assert found.exits.sum() + found.censored.sum() == len(rows)


@given(st.integers(0, 1000))
@settings(max_examples=25)
def test_counts_stand_for_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, exited, cluster = rng.integers(1, 5, 50), rng.random(50) < 0.5, rng.integers(0, 6, 50)
    whole = kaplan_meier(Stays(time, exited, np.ones(50), cluster), 0.95)
    cells, weight = np.unique(np.column_stack([time, exited, cluster]), axis=0, return_counts=True)
    counted = kaplan_meier(Stays(cells[:, 0], cells[:, 1] == 1, weight.astype(float), cells[:, 2]), 0.95)
    np.testing.assert_allclose(counted.staying, whole.staying)
    np.testing.assert_allclose(counted.low, whole.low)
    np.testing.assert_allclose(counted.high, whole.high)


def test_nobody_leaving_has_a_lower_bound_and_no_interval_of_no_width() -> None:
    found = curve([3] * 20, [0] * 20)
    assert found.staying.tolist() == [1, 1, 1]
    assert found.low[-1] == pytest.approx(1 - independent_rate(0, 20, 0.95).high)
    assert np.all(np.isnan(found.std_error))
    mean = found.restricted_mean(3, 0.95)
    assert (mean.estimate, mean.high) == (3, 3)
    assert 1 < mean.low < 3
    assert np.isnan(mean.std_error)


def test_everybody_leaving_at_the_first_turn_has_an_upper_bound() -> None:
    found = curve([1] * 20, [1] * 20)
    assert found.staying.tolist() == [0]
    assert (found.low[0], found.high[0]) == (0, pytest.approx(independent_rate(0, 20, 0.95).high))
    assert found.known_to == np.inf
    mean = found.restricted_mean(10, 0.95)
    assert (mean.estimate, mean.low) == (1, 1)
    assert 1 < mean.high < 10


def test_everybody_leaving_at_a_later_turn_keeps_the_bound_of_the_turn_before() -> None:
    found = curve([1, 2, 2, 2], [1, 1, 1, 1])
    assert found.staying.tolist() == [0.75, 0]
    assert 0 < found.high[1] < found.high[0]


def test_everything_censored_is_not_staying_for_sure() -> None:
    found = curve([1, 2, 3, 4], [0, 0, 0, 0])
    assert found.staying.tolist() == [1, 1, 1, 1]
    assert np.all(np.diff(found.low) < 0), "fewer are seen, so less is known"


def test_fewer_clusters_know_less() -> None:
    time, exited = [2] * 24, [0] * 24
    few = curve(time, exited, [number // 8 for number in range(24)])
    many = curve(time, exited, [number // 2 for number in range(24)])
    assert few.low[0] < many.low[0] < curve(time, exited).low[0]


def test_one_cluster_has_no_interval_for_new_ones_and_one_for_itself() -> None:
    data = stays([1, 2, 3, 3], [1, 1, 0, 0], [0, 0, 0, 0])
    new, these = kaplan_meier(data, 0.95), kaplan_meier(data, 0.95, these_items=True)
    assert np.all(np.isnan(new.low))
    assert np.isnan(new.restricted_mean(3, 0.95).low)
    assert np.all(these.low < these.high)


def test_a_turn_had_in_one_cluster_alone_is_unknown_for_others() -> None:
    found = curve([1, 1, 1, 1, 2, 2], [1, 0, 1, 0, 1, 0], [0, 0, 1, 1, 2, 2])
    assert not np.isnan(found.low[0])
    assert np.isnan(found.low[1])


def test_clusters_that_do_not_differ_are_not_certain() -> None:
    found = curve([1, 2, 1, 2, 1, 2], [1, 0, 1, 0, 1, 0], [0, 0, 1, 1, 2, 2])
    assert found.low[0] < 0.5 < found.high[0]
    assert found.high[0] - found.low[0] > 0.5


def test_these_items_are_known_better_than_new_ones() -> None:
    rng = np.random.default_rng(1)
    chance = np.repeat([0.02, 0.05, 0.6, 0.9], 25)
    time = np.minimum(rng.geometric(chance), 6)
    data = Stays(time, time < 6, np.ones(100), np.repeat(np.arange(4), 25))
    new, these = kaplan_meier(data, 0.95), kaplan_meier(data, 0.95, these_items=True)
    plain = kaplan_meier(Stays(time, time < 6, np.ones(100)), 0.95)
    assert np.all(these.std_error[:5] < plain.std_error[:5])
    assert np.all(plain.std_error[:5] < new.std_error[:5])


def test_one_conversation_is_a_curve_without_a_width_of_zero() -> None:
    found = curve([2], [1])
    assert found.staying.tolist() == [1, 0]
    assert np.all(found.low < found.high)


@pytest.mark.parametrize(("time", "told"), [([], "no conversation"), ([0, 1], "count from 1")])
def test_what_is_no_time_is_refused(time: list[int], told: str) -> None:
    with pytest.raises(DataError, match=told):
        curve(time, [0] * len(time))


def test_a_horizon_beyond_what_is_known_is_refused() -> None:
    with pytest.raises(DataError, match="the last turn known"):
        curve([3, 3], [0, 1]).restricted_mean(4, 0.95)


def test_the_mean_of_one_turn_is_one_by_definition() -> None:
    mean = curve([1, 1], [0, 1]).restricted_mean(1, 0.95)
    assert mean.estimate == 1
    assert np.isnan(mean.low)


def test_a_mean_without_censoring_is_the_mean() -> None:
    time = [1, 2, 2, 5, 7, 7, 7]
    mean = curve(time, [1, 1, 1, 1, 0, 0, 1]).restricted_mean(7, 0.95)
    assert mean.estimate == pytest.approx(np.mean(time))


@pytest.mark.slow
@pytest.mark.parametrize(("scenarios", "repeats"), [(40, 20), (10, 40)])
def test_clustered_intervals_cover_where_greenwood_does_not(scenarios: int, repeats: int) -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    truth = float(weights @ (1 - 1 / (1 + np.exp(2.5 - nodes))) ** 10)
    rng = np.random.default_rng(11)
    inside, plain = 0, 0
    for _ in itertools.repeat(None, 400):
        at = np.repeat(np.arange(scenarios), repeats)
        chance = (1 / (1 + np.exp(2.5 - rng.normal(0, 1, scenarios))))[at]
        left, censored = rng.geometric(chance), np.minimum(rng.geometric(0.02, len(at)), 12)
        data = Stays(np.minimum(left, censored), left <= censored, np.ones(len(at)), at)
        robust = kaplan_meier(data, 0.95)
        naive = kaplan_meier(Stays(data.time, data.exited, data.weight), 0.95)
        inside += bool(robust.low[9] <= truth <= robust.high[9])
        plain += bool(naive.low[9] <= truth <= naive.high[9])
    assert 0.92 <= inside / 400 <= 0.98
    assert plain / 400 < 0.7
