"""Steps of the sampler: Polya-Gamma variables, and both kinds of steps against sums over a grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bartleby.analysis.choice.data import choice_data
from bartleby.analysis.choice.fit import GroupFit, fit_group
from bartleby.analysis.choice.options import ChoiceOptions
from bartleby.analysis.choice.posteriors.normals import conjugate_gradients
from bartleby.analysis.choice.posteriors.polya_gamma import polya_gamma
from bartleby.analysis.choice.posteriors.priors import NormalPrior
from bartleby.analysis.choice.posteriors.slices import slices_of
from bartleby.analysis.choice.posteriors.steps import likelihood_steps
from bartleby.analysis.choice.posteriors.utilities import draw_utilities
from bartleby.analysis.choice.posteriors.wins import win_steps
from bartleby.analysis.choice.table import read_choices

Floats = npt.NDArray[np.float64]


def fitted(outcomes: list[str], options: ChoiceOptions, *, n_items: int = 2) -> GroupFit:
    """Fit answers to pairs in turn, in both orders."""
    names = [f"item {at}" for at in range(n_items)]
    pairs = [(one, other) for one in names for other in names if one != other]
    rows = [(*pairs[at % len(pairs)], word) for at, word in enumerate(outcomes)]
    table = read_choices(pd.DataFrame(rows, columns=["first", "second", "outcome"]))
    return fit_group({}, choice_data(table.cells, options, has_pair_column=False), options)


def moments_on_a_grid(fit: GroupFit, prior: float, width: float) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of two parameters with normal priors about 0, by summing."""
    design, counts = fit.layout.design, fit.data.counts
    axis = np.linspace(-width, width, 161)
    points = np.stack([each.ravel() for each in np.meshgrid(axis, axis)], axis=1)
    with np.errstate(all="ignore"):
        log_probability = design.kernel.log_probability(design.local(points))
    value = np.einsum("ma,kma->k", counts, log_probability) - 0.5 * prior * np.sum(points**2, axis=1)
    if design.kernel.ties == "rao-kupper":
        value = np.where(design.local(points)[..., -1].min(axis=1) > 0, value, -np.inf)
    weight = np.exp(value - np.nanmax(value))
    weight = weight / weight.sum()
    mean = weight @ points
    return mean, np.sqrt(weight @ (points - mean) ** 2)


@pytest.mark.parametrize(("trials", "eta"), [(1.0, 0.0), (1.0, 3.0), (4.0, -1.5), (0.5, 8.0), (60.0, 0.7)])
def test_polya_gamma_variables_have_their_mean_and_variance(trials: float, eta: float) -> None:
    drawn = polya_gamma(np.full(40_000, trials), np.full(40_000, eta), np.random.default_rng(0))
    k = np.arange(1, 5_000) - 0.5
    scale = 1 / (2 * np.pi**2 * k**2 + eta**2 / 2)
    assert drawn.mean() == pytest.approx(trials * scale.sum(), rel=0.025)
    assert drawn.var() == pytest.approx(trials * (scale**2).sum(), rel=0.06)
    assert (drawn > 0).all()


def test_polya_gamma_of_a_huge_logit_is_finite() -> None:
    drawn = polya_gamma(np.array([1.0, 3.0]), np.array([900.0, -1e4]), np.random.default_rng(0))
    assert np.isfinite(drawn).all()
    assert (drawn > 0).all()


PLAIN = ["chose_first", "chose_second", "chose_first", "chose_first", "chose_first", "chose_second"]
MODELS = {
    "plain": (PLAIN, ChoiceOptions(baseline="item 1", clusters=())),
    "never won": (["chose_first", "chose_second"] * 3, ChoiceOptions(baseline="item 1", clusters=())),
    "rao-kupper": (
        [*PLAIN, "indifferent", "indifferent"],
        ChoiceOptions(baseline="item 1", clusters=(), ties="rao-kupper", slot=False),
    ),
    "neither": (
        [*PLAIN, "opted_out", "opted_out", "opted_out"],
        ChoiceOptions(baseline="item 1", clusters=(), opted_out="neither", slot=False),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_steps_have_the_posterior_that_a_grid_has(name: str) -> None:
    fit = fitted(*MODELS[name])
    assert fit.layout.design.n_estimated == 2
    prior = 1 / 6.0
    expected = moments_on_a_grid(fit, prior, 12.0)
    counts = fit.data.counts
    kinds = {"slices": slices_of(fit.layout.design, counts, fit.maximum.estimated[0])}
    if name in {"plain", "never won"}:
        kinds["wins"] = win_steps(fit.layout.design, counts[None])  # type: ignore[assignment]
    for kind, steps in kinds.items():
        rng = np.random.default_rng(1)
        now = np.tile(fit.maximum.estimated[0], (200, 1))
        alone = NormalPrior(np.full(now.shape, prior), np.empty((2, 0)), np.empty((len(now), 0)))
        kept = []
        for step in range(100):
            now = steps.draw(now, alone, rng)
            steps.settle(now, 4 * step)
            if step >= 30:
                kept.append(now)
        drawn = np.concatenate(kept)
        np.testing.assert_allclose(drawn.mean(axis=0), expected[0], atol=0.06, err_msg=kind)
        np.testing.assert_allclose(drawn.std(axis=0), expected[1], rtol=0.05, err_msg=kind)


def test_slices_and_polya_gamma_agree_where_both_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    words = list(rng.choice(["chose_first", "chose_second"], 112, p=[0.6, 0.4]))
    fit = fitted(words, ChoiceOptions(baseline="item 7"), n_items=8)
    classes = [np.arange(7)]
    plain = draw_utilities(fit, classes, 6000, np.random.default_rng(0))
    steps = slices_of(fit.layout.design, fit.data.counts / fit.scale, fit.maximum.estimated[0])
    monkeypatch.setattr("bartleby.analysis.choice.posteriors.utilities.likelihood_steps", lambda _: steps)
    sliced = draw_utilities(fit, classes, 6000, np.random.default_rng(0))
    np.testing.assert_allclose(
        plain.parameters[:, :7].mean(axis=0), sliced.parameters[:, :7].mean(axis=0), atol=0.06
    )
    np.testing.assert_allclose(
        plain.parameters[:, :7].std(axis=0), sliced.parameters[:, :7].std(axis=0), atol=0.06
    )
    for level in (0.025, 0.5, 0.975):
        one, other = (np.quantile(each.mixture.below(0.0), level) for each in (plain, sliced))
        assert one == pytest.approx(other, abs=0.12)


def test_many_items_are_drawn_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    words = list(rng.choice(["chose_first", "chose_second"], 224, p=[0.7, 0.3]))
    fit = fitted(words, ChoiceOptions(baseline="item 7"), n_items=8)
    drawn = []
    for dense, parts in ((64, 0), (0, 30)):
        monkeypatch.setattr("bartleby.analysis.choice.posteriors.wins._DENSE", dense)
        monkeypatch.setattr("bartleby.analysis.choice.posteriors.wins._MOST_PARTS", parts)
        drawn.append(draw_utilities(fit, [np.arange(4), np.arange(4, 7)], 8000, np.random.default_rng(0)))
    factorised, solved = drawn
    np.testing.assert_allclose(factorised.parameters.mean(axis=0), solved.parameters.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(factorised.parameters.std(axis=0), solved.parameters.std(axis=0), atol=0.05)
    shares = [each.mixture.below(0.0) for each in drawn]
    np.testing.assert_allclose(shares[0].mean(axis=0), shares[1].mean(axis=0), atol=0.04)


def test_conjugate_gradients_solve_the_systems_of_all_chains() -> None:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 9, 9))
    matrices = roots @ roots.transpose(0, 2, 1) + np.eye(9)
    wanted = rng.normal(size=(3, 9))
    wanted[2] = 0.0
    solved = conjugate_gradients(
        lambda vectors: np.einsum("kij,kj->ki", matrices, vectors),
        wanted,
        np.einsum("kii->ki", matrices),
        np.zeros((3, 9)),
    )
    np.testing.assert_allclose(solved, np.linalg.solve(matrices, wanted[..., None])[..., 0], atol=1e-6)


def test_the_steps_are_those_the_model_calls_for() -> None:
    kinds = {name: type(likelihood_steps(fitted(*model))).__name__ for name, model in MODELS.items()}
    assert kinds == {
        "plain": "WinSteps",
        "never won": "WinSteps",
        "rao-kupper": "PairSlices",
        "neither": "PairSlices",
    }
