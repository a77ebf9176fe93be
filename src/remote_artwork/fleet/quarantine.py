"""The rules of quarantine: a merchant that fails again and again is tried less and less often. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import Attribute, evolve, field, frozen

from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.settings import whole_number
from remote_artwork.errors import ConfigurationError
from remote_artwork.fleet.passes import PassResult, PassStatus
from remote_artwork.fleet.slots import HOUR, last_slot
from remote_artwork.fleet.state import MerchantState

__all__ = ["Quarantine"]


def _valid_share(_quarantine: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"Quarantine.{attribute.name} must be a number from 0 to 1, not {value!r}")


@frozen(kw_only=True)
class Quarantine:
    """When a merchant gets into quarantine, and when it is tried again.

    The first probe is one slot later, and each further wait is twice as long. A success ends the quarantine, and so
    does a person (``remote-artwork fleet release``).

    If many merchants fail at the same time, the cause is probably shared, for example a shop that is down. Then no
    further merchant gets into quarantine, and all are scanned in the slot after the repair. A failure of the ledger is
    never counted.

    Args:
        after_failures: How many passes in a row must fail.
        longest_wait: The longest wait for the next probe, in slots.
        shared_cause: The share of failing merchants, from 0 to 1, above which the cause counts as shared.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    after_failures: int = field(default=3, validator=whole_number)
    longest_wait: int = field(default=24, validator=whole_number)
    shared_cause: float = field(default=0.25, validator=_valid_share)

    def depends_on_others(self, state: MerchantState, result: PassResult | None) -> bool:
        """Whether the next state of a merchant depends on how many others fail."""
        return (
            not state.is_quarantined
            and (result is None or _is_counted(result))
            and state.failures + 1 >= self.after_failures
        )

    def after_pass(
        self,
        state: MerchantState,
        result: PassResult,
        now: datetime,
        *,
        every: timedelta = HOUR,
        failing_share: float = 0.0,
    ) -> MerchantState:
        """The state after a pass has ended.

        Args:
            state: The state before.
            result: Of the pass. Its status is ``done`` or ``failed``.
            now: When it ended.
            every: The time from one slot to the next.
            failing_share: The share of merchants whose latest pass failed.
        """
        after = evolve(
            state,
            finished_at=now,
            because=result.because,
            needs_person=sum(result.needs_person.values()),
            oldest_pending=result.oldest_pending,
            result=result.to_dict(),
            owner="",
            owned_until=None,
        )
        if result.status is PassStatus.DONE:
            started_at = None if result.stopped_by == "stop" else state.started_at  # then it is due at once
            return release(evolve(after, succeeded_at=now, started_at=started_at))
        after = evolve(after, needs_person=state.needs_person, oldest_pending=state.oldest_pending)
        if not _is_counted(result):
            return self._postponed(after, now, every) if state.is_quarantined else after
        return self._after_failure(after, now, every, failing_share)

    def after_loss(
        self, state: MerchantState, now: datetime, *, every: timedelta = HOUR, failing_share: float = 0.0
    ) -> MerchantState:
        """The state after a worker ended without a result. It counts as a failure: the merchant may be the cause."""
        lost = evolve(state, because=_LOST, started_at=None, owner="", owned_until=None)
        return self._after_failure(lost, now, every, failing_share)

    def _after_failure(
        self, state: MerchantState, now: datetime, every: timedelta, failing_share: float
    ) -> MerchantState:
        after = evolve(state, failures=state.failures + 1)
        if state.is_quarantined or (after.failures >= self.after_failures and failing_share <= self.shared_cause):
            return self._postponed(evolve(after, quarantined_at=state.quarantined_at or now), now, every)
        return after

    def _postponed(self, state: MerchantState, now: datetime, every: timedelta) -> MerchantState:
        """The state with the time of the next probe: a slot of the merchant, at most one probe in each."""
        doublings = min(max(0, state.failures - self.after_failures), self.longest_wait.bit_length())
        slots = min(2**doublings, self.longest_wait)
        return evolve(state, next_probe=last_slot(state.merchant, now, every) + slots * every)


_LOST: Reason = reason("merchant_pass_lost")


def release(state: MerchantState) -> MerchantState:
    """The state without failures and quarantine."""
    return evolve(state, failures=0, quarantined_at=None, next_probe=None, because=None)


def _is_counted(result: PassResult) -> bool:
    """Whether a result counts against its merchant. The ledger belongs to all merchants."""
    return result.status is PassStatus.FAILED and result.part != "ledger"
