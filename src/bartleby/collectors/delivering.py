"""How the questions of one run reach its models: live or in batches, counted, at a pace that they bear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bartleby.collectors.batches import Batches
from bartleby.collectors.budget import Budget, BudgetCount
from bartleby.collectors.caps import CapCount
from bartleby.collectors.fitting import Opened
from bartleby.collectors.log import Log
from bartleby.collectors.models.batching import Batched
from bartleby.collectors.options import RunOptions
from bartleby.collectors.pacing import Pace, Paces
from bartleby.collectors.retry import Delivery, Live
from bartleby.collectors.tally import Prices, Tally
from bartleby.errors import ModelError, SettingError
from bartleby.exchange import Listener
from bartleby.studies.study import Study

__all__ = ["Delivering", "Means", "require_prices"]


@dataclass(frozen=True)
class Means:
    """How a run is to ask, whatever it asks.

    Parameters
    ----------
    prices
        What the models cost.
    budget
        What may be spent, by this run alone, or by all that share a count.
    paces
        The paces of all runs that share limits with this one.
    options
        The options of the run.
    """

    prices: Prices
    budget: Budget | BudgetCount
    paces: Paces
    options: RunOptions


@dataclass(frozen=True)
class Delivering:
    """How the questions of one run are delivered, and counted.

    Parameters
    ----------
    tally
        The counts.
    live
        Questions and answers at once.
    batches
        Questions in batches: made in this run, or left under way by an earlier one.
    """

    tally: Tally
    live: Live
    batches: Batches | None

    @property
    def deliver(self) -> Delivery:
        """How a question goes."""
        return self.live if self.batches is None else self.batches

    @classmethod
    def prepare(
        cls, study: Study, log: Log, subject: Opened, player: Opened | None, means: Means
    ) -> Delivering:
        """Return the delivery of a run; nothing is asked yet.

        Raises
        ------
        ModelError
            If batches are wanted, or are under way, of a model that has none.
        """
        tally = _tally(study, log, means)
        live = Live(
            subject.model,
            log,
            user=None if player is None else player.model,
            max_attempts=means.options.max_attempts,
            account=tally,
            paces=_paces(means, subject, player),
        )
        return cls(tally, live, _batches(subject, log, live, tally, means))


def require_prices(budget: Budget | BudgetCount, names: Mapping[Listener, str], prices: Prices) -> None:
    """Raise `SettingError` if dollars are limited and nobody knows what a model costs."""
    unknown = [name for listener, name in names.items() if prices[listener] is None]
    most = budget.budget.cost if isinstance(budget, BudgetCount) else budget.cost
    if most is not None and unknown:
        raise SettingError(
            f"max_cost is {most:g}, and no price is known for {', '.join(unknown)}; name one in the "
            "file that BARTLEBY_PRICES points to, or limit calls or time instead"
        )


def _tally(study: Study, log: Log, means: Means) -> Tally:
    caps = CapCount(study.caps, log.totals())
    if isinstance(means.budget, BudgetCount):
        return Tally(caps, means.budget, means.prices)
    before = log.billed()
    costs = (
        before.subject_cost(means.prices["subject"]),
        before.user_cost(means.prices["user"]),
    )
    spent = sum(each for each in costs if each is not None)
    budget = BudgetCount(means.budget, spent, log.attempts_before)
    return Tally(caps, budget, means.prices)


def _paces(means: Means, subject: Opened, player: Opened | None) -> dict[Listener, Pace]:
    models: dict[Listener, Opened | None] = {"subject": subject, "user": player}
    return {
        listener: means.paces.of(each.name, each.capabilities, means.options.concurrency)
        for listener, each in models.items()
        if each is not None
    }


def _batches(subject: Opened, log: Log, live: Live, tally: Tally, means: Means) -> Batches | None:
    record = log.batches()
    left = bool(record.unfinished())
    if not means.options.batch and not left:
        return None
    if not isinstance(subject.model, Batched):
        why = "has batches under way" if left else "cannot be asked in batches"
        raise ModelError(f"{subject.name}: this model {why}, and only anthropic/... is asked in batches")
    return Batches(
        subject.name,
        subject.model.batches(),
        record,
        live,
        tally,
        max_attempts=means.options.max_attempts,
        sending=means.options.batch,
    )
