"""``MerchantState``: what is known about one merchant, and whether the merchant is to be scanned now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen

from remote_artwork.core.reasons import Reason
from remote_artwork.fleet.passes import PassStatus
from remote_artwork.fleet.slots import HOUR, last_slot, next_slot

__all__ = ["MerchantState"]


@frozen(kw_only=True)
class MerchantState:
    """What the passes over one merchant have found.

    Args:
        merchant: The id.
        started_at: When the latest pass at a slot was started. None if there was none, if it was lost or stopped
            with its worker, or if a person has released the merchant since.
        finished_at: When the latest pass at a slot ended.
        succeeded_at: When the latest pass without a fault ended.
        failures: How many passes have failed in a row.
        because: Why the latest pass failed; None if it did not.
        quarantined_at: Since when the merchant is in quarantine; None if it is not.
        next_probe: In quarantine: when the merchant is tried again.
        oldest_pending: When the oldest order that still waits was created, where the shop says so.
        needs_person: How many items need a person.
        result: The latest result, as ``PassResult.to_dict`` writes it. Empty if there is none.
        owner: The worker that scans the merchant; empty if none does.
        owned_until: When the pass of that worker counts as lost.
    """

    merchant: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    because: Reason | None = None
    quarantined_at: datetime | None = None
    next_probe: datetime | None = None
    oldest_pending: datetime | None = None
    needs_person: int = 0
    result: Mapping[str, Any] = field(factory=dict, hash=False)
    owner: str = ""
    owned_until: datetime | None = None

    @property
    def reason(self) -> str:
        """Why the latest pass failed, in English. Empty if it did not."""
        return self.because.render() if self.because else ""

    @property
    def is_quarantined(self) -> bool:
        """Whether the merchant is in quarantine."""
        return self.quarantined_at is not None

    def is_owned(self, now: datetime) -> bool:
        """Whether a worker scans the merchant now."""
        return bool(self.owner) and self.owned_until is not None and now < self.owned_until

    def is_lost(self, now: datetime) -> bool:
        """Whether a worker started a pass and ended without a result, for example because it was killed."""
        return bool(self.owner) and not self.is_owned(now)

    def refusal(self, now: datetime, every: timedelta = HOUR) -> PassStatus | None:
        """Why the merchant is not to be scanned now: ``busy``, ``quarantined`` or ``not_due``. None: it is due.

        A merchant is due once in each of its slots, however late, and again if a pass was lost. If the latest pass
        started more than a period from now, the clock was ahead, and the merchant is due.
        """
        if self.is_owned(now):
            return PassStatus.BUSY
        if self.next_probe is not None:
            return PassStatus.QUARANTINED if now < self.next_probe else None
        if self.is_lost(now) or self.started_at is None:  # a lost pass is repeated
            return None
        is_current = last_slot(self.merchant, now, every) <= self.started_at <= now + every
        return PassStatus.NOT_DUE if is_current else None

    def next_pass(self, now: datetime, every: timedelta = HOUR) -> datetime:
        """When the merchant is scanned next: now if it is due, otherwise at its next probe or slot."""
        if self.refusal(now, every) is None:
            return now
        return self.next_probe or next_slot(self.merchant, now, every)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only. Times are ISO 8601 in UTC."""
        return {
            "merchant": self.merchant,
            "started_at": _iso(self.started_at),
            "finished_at": _iso(self.finished_at),
            "succeeded_at": _iso(self.succeeded_at),
            "failures": self.failures,
            **(self.because.to_dict() if self.because else {"code": "", "details": {}}),
            "reason": self.reason,
            "quarantined_at": _iso(self.quarantined_at),
            "next_probe": _iso(self.next_probe),
            "oldest_pending": _iso(self.oldest_pending),
            "needs_person": self.needs_person,
            "result": dict(self.result),
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
