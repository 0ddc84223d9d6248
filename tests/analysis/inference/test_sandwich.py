"""The CR2 sandwich against R's clubSandwich (5.x, Pustejovsky), and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bartleby.analysis.inference.sandwich import Kind, RobustCovariance, cluster_covariance
from bartleby.errors import DataError, SettingError

Y = np.array([2.1, 3.4, 1.9, 5.6, 4.4, 6.1, 3.3, 7.2, 8.8, 6.5, 9.1, 4.0, 5.2, 2.7, 6.6])
X = np.array([0.5, 1.2, 0.3, 2.2, 1.9, 3.1, 0.8, 3.6, 4.4, 2.9, 4.1, 1.5, 2.4, 0.9, 2.6])
H = np.array([0.0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1])
G = np.array([1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5])

# vcovCR(lm(y ~ x + h), cluster = g, type = ...), lower triangle by columns.
CLUB_SANDWICH: dict[Kind, list[float]] = {
    "CR0": [
        0.01742583864323013,
        -0.00973680529250867,
        -0.00624857869084002,
        0.01066030351139166,
        -0.01656839051743509,
        0.08972372083906216,
    ],
    "CR1": [
        0.02178229830403772,
        -0.01217100661563579,
        -0.00781072336355022,
        0.01332537938923954,
        -0.02071048814679359,
        0.11215465104882739,
    ],
    "CR2": [
        0.02279612166524373,
        -0.01521792670843192,
        -0.00178166060171653,
        0.01888005763218380,
        -0.03279519957447624,
        0.14969506794488288,
    ],
}


def linear(design: np.ndarray, cluster: np.ndarray = G, kind: Kind = "CR2") -> RobustCovariance:
    beta = np.linalg.lstsq(design, Y, rcond=None)[0]
    return cluster_covariance(design * (Y - design @ beta)[:, None], cluster, design, cluster, kind=kind)


DESIGN = np.column_stack([np.ones(15), X, H])


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
def test_a_linear_model_has_the_covariance_of_clubsandwich(kind: Kind) -> None:
    covariance = linear(DESIGN, kind=kind).covariance
    np.testing.assert_allclose(covariance.T[np.triu_indices(3)], CLUB_SANDWICH[kind], rtol=1e-8)


def test_a_linear_model_has_the_degrees_of_freedom_of_clubsandwich() -> None:
    robust = linear(DESIGN)
    expected = [2.47627747058480, 3.21132696230778, 2.23381708602635]
    np.testing.assert_allclose(robust.degrees_of_freedom(np.eye(3)), expected, rtol=1e-8)
    np.testing.assert_allclose(robust.degrees_of_freedom([[1, 2, 1]]), [1.88284540660654], rtol=1e-8)
    np.testing.assert_allclose(robust.standard_errors([[1, 2, 1]]), [0.228900838364118], rtol=1e-8)


def test_what_is_known_from_one_cluster_alone_has_no_interval() -> None:
    robust = linear(np.column_stack([np.ones(15), X, G == 1]))
    errors, df = robust.standard_errors(np.eye(3)), robust.degrees_of_freedom(np.eye(3))
    assert np.isnan(errors[2])
    assert np.isnan(df[2])
    np.testing.assert_allclose(errors[:2] ** 2, [0.0848450468203366, 0.0199837553382265], rtol=1e-8)
    assert np.all(df[:2] > 2)


def test_clusters_that_are_all_fitted_exactly_have_no_standard_error() -> None:
    # Residuals that add up to zero in each cluster, but for rounding.
    design, cluster = np.ones((90, 1)), np.repeat(np.arange(30), 3)
    residuals = np.tile([0.1, 0.2, -0.3], 30)[:, None]
    robust = cluster_covariance(residuals, cluster, design, cluster)
    assert 0 < robust.covariance[0, 0] < 1e-30
    assert np.isnan(robust.standard_errors(np.eye(1))[0])


def test_a_logistic_model_has_the_covariance_of_its_whitened_working_model() -> None:
    # clubSandwich on lm(sqrt(w) z ~ 0 + sqrt(w) X), z and w those of glm() at convergence.
    design = np.column_stack([np.ones(15), X])
    y = np.array([0.0, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1])
    mean = 1 / (1 + np.exp(-design @ [-2.43776986533142, 1.24068303707978]))
    roots = design * np.sqrt(mean * (1 - mean))[:, None]
    robust = cluster_covariance(design * (y - mean)[:, None], G, roots, G)
    expected = [1.281238475534562, -0.560123902767813, 0.269980773272346]
    np.testing.assert_allclose(robust.covariance[np.triu_indices(2)], expected, rtol=1e-8)
    np.testing.assert_allclose(
        robust.degrees_of_freedom(np.eye(2)), [2.86683126102142, 3.77158791155188], rtol=1e-8
    )


def test_one_cluster_has_no_covariance() -> None:
    robust = linear(DESIGN, np.zeros(15, dtype=int))
    assert np.isnan(robust.covariance).all()
    assert np.isnan(robust.degrees_of_freedom(np.eye(3))).all()
    assert np.isnan(robust.standard_errors(np.eye(3))).all()


def test_the_mean_of_equal_independent_rows_has_n_minus_one_degrees_of_freedom() -> None:
    values = np.array([0.3, 1.9, 2.2, 0.7, 4.0, 1.1])
    ones, rows = np.ones((6, 1)), np.arange(6)
    robust = cluster_covariance((values - values.mean())[:, None], rows, ones, rows)
    np.testing.assert_allclose(robust.degrees_of_freedom([[1]]), [5.0])
    np.testing.assert_allclose(robust.covariance, [[values.var(ddof=1) / 6]])


def test_clusters_with_more_rows_than_parameters_equal_their_compressed_form() -> None:
    rng = np.random.default_rng(1)
    roots, scores = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    cluster = rng.integers(0, 12, 400)
    long = cluster_covariance(scores, cluster, roots, cluster)
    pieces = [np.linalg.cholesky(roots[cluster == g].T @ roots[cluster == g]).T for g in range(12)]
    short = cluster_covariance(scores, cluster, np.vstack(pieces), np.repeat(np.arange(12), 4))
    np.testing.assert_allclose(long.covariance, short.covariance, rtol=1e-9)
    np.testing.assert_allclose(
        long.degrees_of_freedom(np.eye(4)), short.degrees_of_freedom(np.eye(4)), rtol=1e-9
    )


def test_many_small_clusters_need_no_block_of_p_by_p_each() -> None:
    import tracemalloc

    rng = np.random.default_rng(2)
    width, clusters = 100, 5000
    cluster = np.repeat(np.arange(clusters), 2)
    roots = rng.normal(size=(2 * clusters, width))
    scores = roots * rng.normal(size=(2 * clusters, 1))
    tracemalloc.start()
    robust = cluster_covariance(scores, cluster, roots, cluster)
    df = robust.degrees_of_freedom(np.eye(width)[:3])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < clusters * width * width * 8 / 5
    assert np.all(df > 100)


def test_the_order_of_rows_and_the_names_of_clusters_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    order = rng.permutation(15)
    beta = np.linalg.lstsq(DESIGN, Y, rcond=None)[0]
    scores = DESIGN * (Y - DESIGN @ beta)[:, None]
    other = cluster_covariance(scores[order], 7 - G[order], DESIGN[order], 7 - G[order])
    np.testing.assert_allclose(other.covariance, linear(DESIGN).covariance, rtol=1e-9)


def test_information_that_cannot_be_inverted_is_refused() -> None:
    twice = np.column_stack([np.ones(15), np.ones(15)])
    with pytest.raises(DataError, match="rank"):
        cluster_covariance(twice, G, twice, G)
    with pytest.raises(DataError, match="zero or not finite"):
        cluster_covariance(0 * twice, G, 0 * twice, G)


def test_shapes_that_do_not_fit_are_all_reported_at_once() -> None:
    with pytest.raises(DataError) as caught:
        cluster_covariance(np.ones((3, 2)), np.zeros(2, dtype=int), np.ones((3, 1)), np.zeros(3, dtype=int))
    assert len(caught.value.problems) == 2


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingError, match="CR0, CR1, CR2"):
        cluster_covariance(DESIGN, G, DESIGN, G, kind="HC3")  # type: ignore[arg-type]


def sparse_design(seed: int, sizes: list[int], width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sparse-ish rows, scores within their span, and clusters of given sizes in mixed order."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    roots = np.zeros((len(cluster), width))
    for row in roots:
        row[rng.choice(width, 3, replace=False)] = rng.normal(size=3)
    order = rng.permutation(len(cluster))
    roots, cluster = roots[order], 5 * cluster[order] + 3
    return roots, roots * rng.normal(size=(len(roots), 1)), cluster


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR2"])
@pytest.mark.parametrize(
    "sizes", [[2] * 60, [1] * 90, [3, 1, 2] * 20, [20] * 8, [2] * 30 + [40], [25, 30, 1, 2, 17, 3]], ids=str
)
def test_sparse_rows_give_what_rows_written_out_give(
    kind: Kind, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bartleby.analysis.inference.sandwich._DENSE", 0)
    monkeypatch.setattr("bartleby.analysis.inference.sparse_clusters._BATCH", 500)
    roots, scores, cluster = sparse_design(1, sizes, 14)
    dense = cluster_covariance(scores, cluster, roots, cluster, kind=kind)
    found = cluster_covariance(sparse.csr_array(scores), cluster, sparse.csr_array(roots), cluster, kind=kind)
    np.testing.assert_allclose(found.covariance, dense.covariance, rtol=1e-8, atol=1e-12)
    contrasts = np.concatenate([np.eye(14), np.random.default_rng(2).normal(size=(3, 14))])
    np.testing.assert_allclose(
        found.degrees_of_freedom(contrasts), dense.degrees_of_freedom(contrasts), rtol=1e-8
    )
    np.testing.assert_allclose(found.standard_errors(contrasts), dense.standard_errors(contrasts), rtol=1e-8)


def test_sparse_rows_too_have_no_interval_for_what_one_cluster_alone_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bartleby.analysis.inference.sandwich._DENSE", 0)
    roots, scores, cluster = sparse_design(3, [2] * 40, 10)
    alone = cluster == cluster.min()
    roots = np.column_stack([roots, np.where(alone, 1.0, 0.0)])
    scores = np.column_stack([scores, np.zeros(len(scores))])
    robust = cluster_covariance(sparse.csr_array(scores), cluster, sparse.csr_array(roots), cluster)
    assert np.isnan(robust.degrees_of_freedom(np.eye(11)[10:])).all()
    assert np.isnan(robust.standard_errors(np.eye(11)[10:])).all()
    one = cluster_covariance(sparse.csr_array(roots), 0 * cluster, sparse.csr_array(roots), 0 * cluster)
    assert np.isnan(one.covariance).all()


def test_clusters_that_cannot_matter_are_left_out_to_within_a_thousandth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pairs = np.array([(i, j) for i in range(40) for j in range(i + 1, 40)])
    roots = np.zeros((len(pairs), 40))
    roots[np.arange(len(pairs)), pairs[:, 0]] = 1
    roots[np.arange(len(pairs)), pairs[:, 1]] = -1
    rng = np.random.default_rng(4)
    roots = roots[:, 1:] * rng.uniform(0.3, 1.5, size=(len(pairs), 1))
    cluster = np.arange(len(pairs))
    robust = cluster_covariance(roots, cluster, roots, cluster)
    exact = robust.degrees_of_freedom(np.eye(39))
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite._EXACT_WIDTH", 0)
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite.TOLERANCE", 0.05)
    excess = (robust.degrees_of_freedom(np.eye(39)) / exact - 1) / 50
    assert np.all(excess > -1e-12)
    assert np.all(excess < 1e-3)
    assert excess.max() > 0
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite._MOST", 1)
    np.testing.assert_allclose(robust.degrees_of_freedom(np.eye(39)), exact, rtol=1e-12)


def test_degrees_of_freedom_of_many_contrasts_are_those_of_each_alone() -> None:
    rng = np.random.default_rng(3)
    owner = np.repeat(np.arange(30), rng.integers(1, 12, 30))  # fewer, as many and more rows than parameters
    roots = rng.normal(size=(len(owner), 5))
    robust = cluster_covariance(roots * rng.normal(size=(len(owner), 1)), owner, roots, owner)
    contrasts = rng.normal(size=(40, 5))
    alone = [float(robust.degrees_of_freedom(contrast)[0]) for contrast in contrasts]
    assert robust.degrees_of_freedom(contrasts) == pytest.approx(alone, rel=1e-12)


def direct_freedom(roots: np.ndarray, cluster: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """Return degrees of freedom by the formula: tr(P)^2 / tr(P^2), P written out for each contrast."""
    inverse = np.linalg.inv(roots.T @ roots)
    hat = roots @ inverse @ roots.T
    weights = []
    for label in np.unique(cluster):
        own = cluster == label
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        block = np.zeros((own.sum(), len(roots)))
        block[:, own] = vectors / np.sqrt(values) @ vectors.T
        weights.append((contrasts @ inverse @ roots[own].T) @ block)
    left = np.stack(weights) @ (np.eye(len(roots)) - hat)
    inner = np.einsum("gcn,hcn->cgh", left, left)
    return np.asarray(np.trace(inner, axis1=1, axis2=2) ** 2 / np.sum(inner**2, axis=(1, 2)))


@pytest.mark.parametrize("orders", [1, 2])
def test_degrees_of_freedom_of_many_items_are_those_of_the_formula(
    orders: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    first, second = np.triu_indices(24, 1)
    pair = np.arange(len(first))
    rows = np.zeros((orders, len(pair), 25))
    for order, (one, other) in enumerate(((first, second), (second, first))[:orders]):
        rows[order, pair, one], rows[order, pair, other], rows[order, pair, 24] = 1, -1, 1
    roots = (rows * rng.uniform(0.1, 1.5, size=(orders, len(pair), 1))).reshape(-1, 25)[:, 1:]
    cluster = np.tile(pair, orders)
    contrasts = np.concatenate([np.eye(24) - np.append(np.full(23, 1 / 24), 0.0), rng.normal(size=(4, 24))])
    expected = direct_freedom(roots, cluster, contrasts)
    monkeypatch.setattr("bartleby.analysis.inference.sandwich._DENSE", 0)
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite._IN_CACHE", 1000)
    written = sparse.csr_array(roots)
    robust = cluster_covariance(written, cluster, written, cluster)
    np.testing.assert_allclose(robust.degrees_of_freedom(contrasts), expected, rtol=1e-8)
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite._EXACT_WIDTH", 0)
    errors, df = robust.errors_and_freedom(contrasts)
    assert np.all(df >= expected * (1 - 1e-12))
    assert np.all(df <= expected * 1.001)
    np.testing.assert_array_equal(errors, robust.standard_errors(contrasts))
    monkeypatch.setattr("bartleby.analysis.inference.satterthwaite.TOLERANCE", 0.0)
    np.testing.assert_allclose(robust.degrees_of_freedom(contrasts), expected, rtol=1e-8)
