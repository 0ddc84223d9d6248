"""Which parameters a choice model has, which of them the data identify, and against what they are reported.

Utilities are only known as differences, so each connected component of the comparison graph has one item
held at zero while fitting. What is reported are contrasts: against the baseline, or against the mean of the
component where no baseline was named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bartleby.analysis.choice.data import ChoiceData
from bartleby.analysis.choice.pair_design import PairDesign
from bartleby.analysis.choice.separation import Separation, components, pair_separation, polyhedral_separation

__all__ = [
    "NEITHER",
    "Layout",
    "SlotBasis",
    "choice_layout",
    "find_separation",
    "near_maximum",
    "order_confounded",
    "outcome_contrasts",
]

NEITHER = "neither"
"""The term of the utility of taking neither item."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
_ATTENUATION = (16 * np.sqrt(3) / (15 * np.pi)) ** 2
"""How much of the odds averaged over opponents their variance takes (Zeger, Liang & Albert 1988)."""
_LEAST_LEFT = 0.5
"""Of the squared odds, however far apart they are: too far a start is worse than one too near."""
SlotBasis: TypeAlias = tuple[Integers, Floats]


@dataclass(frozen=True, eq=False)
class Layout:
    """Parameters of a fit and the contrasts of them that are reported.

    Parameters
    ----------
    design
        The cells and the space that is estimated.
    nodes
        Items, and `neither` if the model has it.
    component
        Connected component of each node, -1 for an item without a trial in the model.
    terms
        Names of the reported rows: nodes, then `slot`, then the tie parameter.
    baseline
        The node whose utility is zero; None where utilities sum to zero.
    placed
        Whether each term can be told from these data (T,).
    """

    design: PairDesign
    nodes: tuple[str, ...]
    component: Integers
    terms: tuple[str, ...]
    baseline: str | None
    placed: npt.NDArray[np.bool_]

    @cached_property
    def contrasts(self) -> Floats:
        """Each term as a contrast of the estimated parameters (T, q); zeros for the baseline."""
        basis, n_nodes = self.design.basis, len(self.nodes)
        found = np.zeros((len(self.terms), basis.shape[1]))
        found[:n_nodes] = basis[:n_nodes]
        home = _home(self.nodes, self.component, self.baseline)
        for each in range(self.n_components):
            members = np.flatnonzero(self.component == each)
            if each != home:
                mean = basis[members].mean(axis=0)
                if len(members) == n_nodes:
                    found[:n_nodes] -= mean
                else:
                    found[members] -= mean
        estimated = np.flatnonzero(basis[n_nodes:].any(axis=0))
        found[np.arange(n_nodes, len(found)), estimated] = 1.0
        return found

    @property
    def n_components(self) -> int:
        """Components that have a trial."""
        return int(self.component.max(initial=-1)) + 1


def choice_layout(data: ChoiceData, baseline: str | None, *, slot_basis: SlotBasis | None = None) -> Layout:
    """Return the parameters of a fit.

    Parameters
    ----------
    data
        The choices.
    baseline
        The node whose utility is zero; without one, utilities sum to zero within a component.
    slot_basis
        Several slot effects instead of one: the slot parameter of each cell (M,), and how these depend on
        what is estimated (number of slot parameters, number estimated).
    """
    kernel = data.kernel
    nodes = (*data.items, NEITHER) if kernel.neither else data.items
    component = _node_components(data, len(nodes))
    slot_of_cell, slot_map = slot_basis or (np.zeros(len(data.first), dtype=np.int64), np.eye(1))
    n_slots = len(slot_map) if kernel.slot else 0
    columns = []
    if kernel.slot:
        columns.append(len(nodes) + slot_of_cell)
    if kernel.ties != "none":
        columns.append(np.full_like(data.first, len(nodes) + n_slots))
    if kernel.neither:
        columns.append(np.full_like(data.first, len(nodes) - 1))
    n_extra = n_slots + (kernel.ties != "none")
    basis = _basis(component, _references(nodes, component, baseline), n_extra)
    if kernel.slot and slot_basis is not None:
        basis = _with_slot_map(basis, len(nodes), slot_map)
    design = PairDesign(
        kernel, np.vstack([data.shown, *columns]).T if columns else data.shown.T, len(nodes) + n_extra, basis
    )
    terms = (*nodes, *_extra_terms(data, slot_map.shape[1]))
    placed = np.append(_placed(nodes, component, baseline), np.ones(len(terms) - len(nodes), dtype=bool))
    return Layout(design, nodes, component, terms, baseline, placed)


def near_maximum(data: ChoiceData, layout: Layout) -> Floats | None:
    """Return where a fit may start (1, q): the log odds of each item's trials, as among equal opponents.

    Opponents differ, which brings the odds of all items closer to even; how much is told from how far apart
    they are nevertheless. None with more than two outcomes, or more than one component.
    """
    if len(data.kernel.outcomes) > 2 or layout.n_components != 1:
        return None
    basis, n_items = layout.design.basis, data.n_items
    won = np.bincount(data.first, data.counts[:, 0], n_items) + np.bincount(
        data.second, data.counts[:, 1], n_items
    )
    odds = np.log((won + 0.5) / (data.trials_of_items - won + 0.5))
    there = layout.component >= 0
    stretched = odds / np.sqrt(max(_LEAST_LEFT, 1 - _ATTENUATION * odds[there].var()))
    held = np.flatnonzero(there & ~basis[:n_items].any(axis=1))[0]
    start: Floats = (stretched - stretched[held]) @ basis[:n_items]
    return start[None]


def order_confounded(data: ChoiceData) -> bool:
    """Tell whether the slot effect cannot be told from utilities: some utilities fit all orders alike.

    That is so if numbers exist that differ by exactly 1 between the first and the second item of every
    cell, such as when each pair of a tree was shown in one order only.
    """
    used = data.counts.sum(axis=1) > 0
    first, second = data.first[used], data.second[used]
    cell = np.arange(len(first))
    ones = np.ones(len(first))
    incidence = sparse.csr_array(
        (np.concatenate([ones, -ones]), (np.tile(cell, 2), np.concatenate([first, second]))),
        shape=(len(first), data.n_items),
    )
    level = sparse.linalg.lsmr(incidence, ones, atol=1e-12, btol=1e-12, maxiter=20 * data.n_items)[0]
    return bool(np.abs(incidence @ level - 1).max() < 1e-6)


def find_separation(data: ChoiceData, layout: Layout) -> Separation:
    """Tell which parameters have no finite maximum-likelihood estimate."""
    kernel = data.kernel
    wins = data.counts[:, :2]
    found = pair_separation(data.first, data.second, wins, data.n_items, slot=kernel.slot)
    if len(kernel.outcomes) == 2 or not found.separated:
        # With every extra outcome observed, finite utilities leave the other parameters nowhere to go.
        return found
    used = data.counts.sum(axis=1) > 0
    rows = outcome_contrasts(layout.design, data.counts, np.flatnonzero(used))
    moved = polyhedral_separation(rows)
    if not moved.any():
        return Separation(separated=False)
    away = np.abs(layout.contrasts[: data.n_items] @ moved) > 0
    total = data.trials_of_items > 0
    chosen = np.bincount(data.first, wins[:, 0], data.n_items) + np.bincount(
        data.second, wins[:, 1], data.n_items
    )
    never = np.flatnonzero(away & total & (chosen == 0))
    others = np.flatnonzero(away & total & (chosen > 0))
    return Separation(True, tuple(map(int, never)), (), tuple(map(int, others)))


def _node_components(data: ChoiceData, n_nodes: int) -> Integers:
    first, second = data.first, data.second
    used = data.counts.sum(axis=1) > 0
    if not used.all():
        first, second = first[used], second[used]
    there = np.zeros(data.n_items, dtype=bool)
    there[first] = there[second] = True
    present = np.flatnonzero(there)
    if n_nodes > data.n_items:
        # Taking neither was on offer in every trial, so it connects all items.
        present = np.append(present, n_nodes - 1)
        first = np.concatenate([first, second])
        second = np.full_like(first, n_nodes - 1)
    place = np.full(n_nodes, -1, dtype=np.int64)
    place[present] = np.arange(len(present))
    component = np.full(n_nodes, -1, dtype=np.int64)
    if len(present):
        component[present] = components(place[first], place[second], len(present))
    return component


def _references(nodes: tuple[str, ...], component: Integers, baseline: str | None) -> list[int]:
    """Return the node of each component that is held at zero: the baseline, or the first."""
    chosen = []
    for each in range(int(component.max(initial=-1)) + 1):
        members = np.flatnonzero(component == each)
        named = [int(node) for node in members if nodes[node] == baseline]
        chosen.append(named[0] if named else int(members[0]))
    return chosen


def _basis(component: Integers, references: list[int], n_extra: int) -> Floats:
    size = len(component) + n_extra
    dropped = np.concatenate([np.flatnonzero(component < 0), np.array(references, dtype=np.int64)])
    basis: Floats = np.delete(np.eye(size), dropped, axis=1)
    return basis


def _with_slot_map(basis: Floats, n_nodes: int, slot_map: Floats) -> Floats:
    """Replace one estimated parameter a slot by what they depend on."""
    n_slots = len(slot_map)
    is_slot = basis[n_nodes : n_nodes + n_slots].any(axis=0)
    mapped = np.zeros((len(basis), slot_map.shape[1]))
    mapped[n_nodes : n_nodes + n_slots] = slot_map
    at = int(np.argmax(is_slot))
    return np.concatenate([basis[:, :at], mapped, basis[:, at + n_slots :]], axis=1)


def _home(nodes: tuple[str, ...], component: Integers, baseline: str | None) -> int | None:
    """Return the component of the baseline, if there is one."""
    return int(component[nodes.index(baseline)]) if baseline in nodes else None


def _placed(nodes: tuple[str, ...], component: Integers, baseline: str | None) -> npt.NDArray[np.bool_]:
    """Tell which nodes can be compared with what they are reported against."""
    home = _home(nodes, component, baseline)
    placed: npt.NDArray[np.bool_] = (component >= 0) & (home is None or component == home)
    return placed


def _extra_terms(data: ChoiceData, n_slots: int) -> tuple[str, ...]:
    kernel = data.kernel
    slots = ("slot",) if n_slots == 1 else tuple(f"slot {at}" for at in range(n_slots))
    tie = {"none": (), "davidson": ("log_nu",), "rao-kupper": ("log_theta",)}[kernel.ties]
    return (*(slots if kernel.slot else ()), *tie)


def outcome_contrasts(design: PairDesign, counts: Floats, cells: Integers) -> sparse.csr_array:
    """Return features of each outcome that occurred minus those of each alternative, (m, q)."""
    features = design.kernel.features
    blocks = []
    for outcome in range(len(features)):
        seen = cells[counts[cells, outcome] > 0]
        for other in range(len(features)):
            if other != outcome and len(seen):
                local = np.broadcast_to(features[outcome] - features[other], (len(seen), features.shape[1]))
                blocks.append(sparse.csr_array(design.cells(seen).local_rows(local)))
    return sparse.vstack(blocks).tocsr()
