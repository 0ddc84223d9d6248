"""Message Batches as the API has them: made at once, ended after a while, told in any order."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.ledger import Ledger
from tests.servers.messages_api import NotAccepted, answer, body_hash, check
from tests.servers.prompt_cache import PromptCache

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_REQUESTS, MOST_BYTES = 100_000, 256 * 2**20
DAY = 86_400.0
FATES = ("ok", "errored", "invalid", "expired", "canceled")
"""What can become of a request; `errored` is an overload, `invalid` a request that is not accepted."""
PLANS = (*FATES, "half_errored", "half_expired", "half_canceled", "deleted", "slow", "cut")
"""What can become of a batch: all its requests alike, or every other one; its results are deleted, or cut off
half-way when they are first told; or it goes on and on."""


@dataclass
class Batch:
    """A batch, and what will become of it."""

    id: str
    requests: list[Mapping[str, Any]]
    plan: str
    created: float
    ends: float
    canceled: float | None = None
    results: list[dict[str, Any]] | None = None
    deleted: bool = False
    billed: dict[str, tuple[str, int]] = field(default_factory=dict)


class BatchBook:
    """All batches of a server.

    Parameters
    ----------
    ledger
        Where every request that was billed, and every result that was delivered, is noted.
    seconds
        How long a batch takes.
    plans
        What becomes of each next batch ("ok" for all others).
    seed
        Seed of the order of results.
    cache
        The beginnings of prompts that are kept: those of live requests as well.
    """

    def __init__(
        self, ledger: Ledger, seconds: float, plans: list[str], seed: int, cache: PromptCache
    ) -> None:
        unknown = [plan for plan in plans if plan not in PLANS]
        if unknown:
            raise ValueError(f"no plan {unknown}; there are {PLANS}")
        self.ahead = 0.0
        self.batches: dict[str, Batch] = {}
        self.cache = cache
        self._ledger = ledger
        self._seconds = seconds
        self._plans = plans
        self._draws = random.Random(seed)  # noqa: S311
        self._billed = 0

    def create(self, raw: bytes, origin: str) -> dict[str, Any]:
        """Return the answer of `POST /v1/messages/batches`."""
        if len(raw) > MOST_BYTES:
            raise NotAccepted(413, "request_too_large", "the batch is larger than 256 MB")
        requests = json.loads(raw).get("requests")
        _check_requests(requests)
        plan = self._plans.pop(0) if self._plans else "ok"
        now = time.time()
        ends = now + (DAY if plan == "slow" else self._seconds)
        made = Batch(f"msgbatch_{len(self.batches) + 1:06d}", requests, plan, now, ends)
        self.batches[made.id] = made
        return self.told(made, origin)

    def find(self, name: str) -> Batch:
        """Return a batch, ended if its time has come."""
        if name not in self.batches:
            raise NotAccepted(404, "not_found_error", f"no batch {name}")
        batch = self.batches[name]
        self._end_if_due(batch)
        return batch

    def page(self, limit: int, after: str | None, origin: str) -> dict[str, Any]:
        """Return the answer of `GET /v1/messages/batches`: the newest first."""
        newest = [self.find(name) for name in reversed(self.batches)]
        start = 0 if after is None else [batch.id for batch in newest].index(after) + 1
        some = newest[start : start + limit]
        return {
            "data": [self.told(batch, origin) for batch in some],
            "has_more": start + limit < len(newest),
            "first_id": some[0].id if some else None,
            "last_id": some[-1].id if some else None,
        }

    def cancel(self, name: str, origin: str) -> dict[str, Any]:
        """Stop a batch: what was not processed is canceled."""
        batch = self.find(name)
        if batch.results is None:
            batch.canceled = time.time()
            batch.plan, batch.ends = "canceled", min(batch.ends, time.time() + self._seconds / 10)
        return self.told(batch, origin)

    def delete(self, name: str) -> dict[str, Any]:
        """Delete a batch that has ended."""
        if self.find(name).results is None:
            raise NotAccepted(400, "invalid_request_error", "the batch is being processed; cancel it first")
        del self.batches[name]
        return {"id": name, "type": "message_batch_deleted"}

    def results(self, name: str) -> Iterator[str]:
        """Yield the lines of the results, and note each as delivered."""
        batch = self.find(name)
        if batch.results is None:
            raise NotAccepted(404, "not_found_error", "the batch has not ended")
        if batch.deleted:
            raise NotAccepted(404, "not_found_error", "the results are no longer available")
        return self._lines(batch, batch.results)

    def _lines(self, batch: Batch, results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        for result in results:
            if result["custom_id"] in batch.billed:
                self._ledger.write("delivered", *batch.billed[result["custom_id"]])
            yield json.dumps(result) + "\n"

    def told(self, batch: Batch, origin: str) -> dict[str, Any]:
        """Return a batch as the API tells of it."""
        done = batch.results is not None
        kinds = Counter(each["result"]["type"] for each in batch.results or ())
        counts = {kind: kinds[kind] for kind in ("succeeded", "errored", "canceled", "expired")}
        state = "ended" if done else "canceling" if batch.canceled is not None else "in_progress"
        where = f"{origin}/v1/messages/batches/{batch.id}/results"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": state,
            "request_counts": {"processing": 0 if done else len(batch.requests), **counts},
            "created_at": _date(batch.created + self.ahead),
            "expires_at": _date(batch.created + DAY),
            "ended_at": _date(batch.ends) if done else None,
            "cancel_initiated_at": None if batch.canceled is None else _date(batch.canceled),
            "archived_at": _date(batch.ends) if batch.deleted else None,
            "results_url": where if done and not batch.deleted else None,
        }

    def _end_if_due(self, batch: Batch) -> None:
        if batch.results is not None or time.time() < batch.ends:
            return
        results = [
            {"custom_id": request["custom_id"], "result": self._result(batch, request, self._fate(batch, at))}
            for at, request in enumerate(batch.requests)
        ]
        self._draws.shuffle(results)
        batch.results, batch.deleted = results, batch.plan == "deleted"

    def _fate(self, batch: Batch, at: int) -> str:
        if batch.plan.startswith("half_"):
            return "ok" if at % 2 else batch.plan.removeprefix("half_")
        return batch.plan if batch.plan in FATES else "ok"

    def _result(self, batch: Batch, request: Mapping[str, Any], fate: str) -> dict[str, Any]:
        if fate in ("expired", "canceled"):
            return {"type": fate}
        if fate == "errored":
            return _errored("overloaded_error", "this is what errored looks like")
        if fate == "invalid":
            return _errored("invalid_request_error", "this is what invalid looks like")
        try:
            check(request["params"])
        except NotAccepted as error:
            return _errored(error.kind, str(error))
        self._billed += 1
        number = 10_000_000 + self._billed
        name = body_hash(json.dumps(request["params"]).encode())
        batch.billed[request["custom_id"]] = name, number
        used = self.cache.use(request["params"], time.time())
        self.cache.keep(used, time.time())
        message = answer(request["params"], number, used)
        self._ledger.write("billed", name, number, usage=message["usage"])
        return {"type": "succeeded", "message": message}


def _check_requests(requests: object) -> None:
    if not isinstance(requests, list) or not requests:
        raise NotAccepted(400, "invalid_request_error", "requests: a list with something in it is needed")
    if len(requests) > MOST_REQUESTS:
        raise NotAccepted(400, "invalid_request_error", "requests: at most 100,000")
    names = [request.get("custom_id") for request in requests]
    if len(set(names)) < len(names):
        raise NotAccepted(400, "invalid_request_error", "requests: a custom_id is there twice")
    wrong = [name for name in names if not isinstance(name, str) or not CUSTOM_ID.fullmatch(name)]
    if wrong:
        raise NotAccepted(400, "invalid_request_error", f"requests: custom_id {wrong[0]!r} is not allowed")


def _errored(kind: str, message: str) -> dict[str, Any]:
    inner = {"type": kind, "message": message}
    return {"type": "errored", "error": {"type": "error", "error": inner, "request_id": "req_b"}}


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
