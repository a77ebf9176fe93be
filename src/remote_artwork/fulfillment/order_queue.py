"""The orders of a scan that wait, and the next few of them, claimed together in one transaction."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from attrs import define, field, frozen

from remote_artwork.core.lifecycle import FulfillState, Lease, OrderClaim, OrderKey
from remote_artwork.core.planner import OrderPlan
from remote_artwork.errors import InvalidLedger, LedgerError, LedgerUnavailable, RemoteArtworkError
from remote_artwork.fulfillment.group_commit import GroupCommit
from remote_artwork.fulfillment.session import OrderSession
from remote_artwork.retry import RetryPolicy
from remote_artwork.runtime import Condition, Runtime

_LARGEST_CLAIM = 16
"""How many orders are claimed at once. Should the process end, they stay leased for the time of a lease."""
_SAMPLE = 64
"""How many waiting orders are looked up at once, if other scans work on the same orders."""
_USED_FOR_EACH_WORKER = 2
"""How many of them are claimed without looking again. Others would be done by another scan before their turn."""


@frozen(kw_only=True, eq=False)
class ClaimedOrder:
    """An order that a worker processes.

    Args:
        plan: The order.
        session: Its state under a lease; None if there is no lease.
        error: Why the order could not be claimed; None if another scan has it, or nobody tried.
        is_done: Whether another scan has fulfilled it since this scan began.
    """

    plan: OrderPlan
    session: OrderSession | None = None
    error: RemoteArtworkError | None = None
    is_done: bool = False


@define(kw_only=True, eq=False)
class OrderQueue:
    """Hands out the orders of a scan to its workers.

    The first orders of the list come first. With several workers, every second order is chosen at random. Otherwise the
    first orders, all in hand at once, could make a service count as down in every scan, and no scan would reach the
    others. Once another scan is at work on the same orders, all are chosen at random, and those that it has fulfilled
    are found by a query, because claiming them one by one would cost more than the work that is left.

    Args:
        ledger: Where orders are claimed.
        owner: Who holds the leases.
        lease_for: How long.
        retry: How an unavailable ledger is retried.
        runtime: Waits.
        workers: How many workers there are.
        choose_next: How many orders wait, and whether to choose at random → the position of the next order, from 0.
        new_session: An order, its lease, and the monotonic time just before the lease was granted → its session.
        waiting: The orders that nobody has claimed.
        claims_nothing: Whether the remaining orders are handed out without being claimed.
    """

    ledger: GroupCommit
    owner: str
    lease_for: timedelta
    retry: RetryPolicy
    runtime: Runtime
    workers: int
    choose_next: Callable[[int, bool], int]
    new_session: Callable[[OrderPlan, Lease, float], OrderSession]
    waiting: list[OrderPlan] = field(factory=list)
    claims_nothing: bool = False
    _claimed: deque[ClaimedOrder] = field(factory=deque, init=False)
    _sample: list[OrderPlan] = field(factory=list, init=False)
    _has_company: bool = field(default=False, init=False)
    _is_claiming: bool = field(default=False, init=False)
    _changed: Condition = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = self.runtime.condition()

    def take(self, *, is_stopped: Callable[[], bool]) -> ClaimedOrder | None:
        """The next order for a worker; None if there are no more, or the scan is to stop.

        A worker that finds no claimed order claims the next few. The others wait for it.
        """
        while True:
            with self._changed:
                if is_stopped():
                    return None
                if self._claimed:
                    return self._claimed.popleft()
                if self._is_claiming:
                    self._changed.wait()
                    continue
                if not (self.waiting or self._sample):
                    return None
                if self.claims_nothing:
                    return ClaimedOrder(plan=(self._sample or self.waiting).pop(0))
                self._is_claiming = True
            claimed: Sequence[ClaimedOrder] = ()
            try:
                claimed = self._claim_next()
            finally:
                with self._changed:
                    self._is_claiming = False
                    self._claimed.extend(claimed)
                    self._changed.notify_all()

    def claim(self, plans: Sequence[OrderPlan]) -> Sequence[ClaimedOrder]:
        """Claim these orders in one transaction."""
        before = self.runtime.monotonic()
        claims = [OrderClaim(key=plan.key, order_number=plan.order.number) for plan in plans]

        def claim() -> Sequence[Lease | LedgerError | None]:
            return self.ledger.claim(claims, owner=self.owner, lease_for=self.lease_for)

        try:
            answers: Sequence[Lease | RemoteArtworkError | None] = self.retry.call(claim, on=LedgerUnavailable)
        except (LedgerError, InvalidLedger) as error:
            answers = [error] * len(plans)
        return [
            ClaimedOrder(plan=plan, session=self.new_session(plan, answer, before))
            if isinstance(answer, Lease)
            else ClaimedOrder(plan=plan, error=answer)
            for plan, answer in zip(plans, answers, strict=True)
        ]

    def drain(self) -> Sequence[ClaimedOrder]:
        """The orders that no worker has taken: those that were claimed, and all others."""
        with self._changed:
            left = [*self._claimed, *(ClaimedOrder(plan=plan) for plan in (*self._sample, *self.waiting))]
            self._claimed.clear()
            self._sample.clear()
            self.waiting.clear()
            return left

    def _claim_next(self) -> Sequence[ClaimedOrder]:
        done: list[ClaimedOrder] = []
        while self._has_company and not self._sample and self.waiting:
            done += self._draw_sample()
        chosen = self._choose()
        claimed = self.claim(chosen) if chosen else []
        if any(_is_of_other_scan(order) for order in claimed):
            self._has_company = True
        return [*done, *claimed]

    def _choose(self) -> list[OrderPlan]:
        """The orders to claim next: only as many as are worked on soon."""
        source = self._sample or self.waiting
        count = min(len(source), max(1, min(self.workers // 2, _LARGEST_CLAIM)))
        if source is self._sample:
            return [source.pop() for _ in range(count)]
        return [source.pop(self.choose_next(len(source), bool(position % 2))) for position in range(count)]

    def _draw_sample(self) -> list[ClaimedOrder]:
        """Choose some of the waiting orders at random. Returns those that are done; the others are claimed next."""
        count = min(_SAMPLE, len(self.waiting))
        drawn = [self.waiting.pop(random.randrange(len(self.waiting))) for _ in range(count)]  # noqa: S311 - spreads work
        done = self._find_done({plan.key: plan for plan in drawn})
        left = [plan for plan in drawn if plan.key not in done]
        used = _USED_FOR_EACH_WORKER * self.workers
        self._sample = left[:used]
        self.waiting += left[used:]
        return [ClaimedOrder(plan=plan, is_done=True) for plan in drawn if plan.key in done]

    def _find_done(self, plans: dict[OrderKey, OrderPlan]) -> Collection[OrderKey]:
        """The keys of those orders that were fulfilled since this scan read their rows."""
        tenant = next(iter(plans)).tenant
        try:
            records = self.ledger.find(tenant, [key.order_id for key in plans])
        except (LedgerError, InvalidLedger):
            return ()  # claiming them says what is wrong
        return {
            record.key
            for record in records
            if record.state is FulfillState.FULFILLED
            and record.key in plans
            and plans[record.key].state is not FulfillState.FULFILLED
        }


def _is_of_other_scan(order: ClaimedOrder) -> bool:
    """Whether another scan has the order, or has fulfilled it since this scan read its row."""
    if order.session is None:
        return order.error is None
    before, now = order.plan.state, order.session.state
    return now is FulfillState.FULFILLED and before is not now
