"""The options of a run, declared once: `run`, `collect`, the sweep and the command all take these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from bartleby.errors import SettingError

if TYPE_CHECKING:
    from bartleby.collectors.budget import Budget

__all__ = ["RunKeywords", "RunOptions"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a study is run, whatever it asks.

    Parameters
    ----------
    concurrency
        Requests under way at once; by default as many as the model is worth and its provider bears.
    max_attempts
        Attempts at one request before its trial is an `error`.
    retry_errors
        Ask again where an earlier run ended in `error`, or where a cap or a failing user cut a trial off.
    progress
        Show a progress bar; by default where standard error is a terminal.
    batch
        Ask in batches, at half the price and within a day (`anthropic/...`). A run that is stopped finds its
        batches again.
    cache
        Have what is shown again (a long system text, a conversation turn by turn) kept by the provider where
        it pays (`anthropic/...`). What a model answers does not depend on it.
    limit
        Trials to ask at most, spread evenly over conditions and items: a pilot. A later run with a larger
        limit, or none, keeps them.
    max_cost
        Dollars in the whole log after which nothing more is asked. The run can be resumed.
    max_calls
        Calls in the whole log after which nothing more is asked. The run can be resumed.
    max_time
        Seconds of this session after which nothing more is asked. The run can be resumed.

    Raises
    ------
    SettingError
        If a number is not allowed.
    """

    concurrency: int | None = None
    max_attempts: int = 6
    retry_errors: bool = False
    progress: bool | None = None
    batch: bool = False
    cache: bool = True
    limit: int | None = None
    max_cost: float | None = None
    max_calls: int | None = None
    max_time: float | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "max_attempts", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value}; allowed: 1 or more")
        self.budget()

    def budget(self) -> Budget:
        """Return what this run may spend."""
        from bartleby.collectors.budget import Budget  # it brings asyncio, and `--help` needs no loop

        return Budget(self.max_cost, self.max_calls, self.max_time)


class RunKeywords(TypedDict, total=False):
    """The fields of `RunOptions` as keyword arguments: what type checkers and editors read."""

    concurrency: int | None
    max_attempts: int
    retry_errors: bool
    progress: bool | None
    batch: bool
    cache: bool
    limit: int | None
    max_cost: float | None
    max_calls: int | None
    max_time: float | None
