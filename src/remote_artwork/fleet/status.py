"""The state of a whole fleet at one moment, as data and as metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from remote_artwork.errors import MissingExtra
from remote_artwork.fleet.slots import HOUR, last_slot
from remote_artwork.fleet.state import MerchantState

__all__ = ["FleetStatus", "prometheus_metrics"]


@frozen(kw_only=True)
class FleetStatus:
    """How the merchants of a fleet are doing. Merchants that were never scanned are not counted.

    Args:
        merchants: How many merchants there are.
        running: How many are being scanned.
        due: How many wait for a worker.
        longest_due: How long the first of these has waited since its slot or probe; None if none waits. If it is longer
            than a few minutes, the workers are too few.
        failing: How many merchants could not be scanned in their latest pass.
        quarantined: How many of these are tried less often.
        needing_person: How many merchants have items that need a person.
        items_needing_person: How many items these are.
        oldest_pending: When the oldest order that still waits was created, where the shops say so.
    """

    merchants: int
    running: int
    due: int
    longest_due: timedelta | None
    failing: int
    quarantined: int
    needing_person: int
    items_needing_person: int
    oldest_pending: datetime | None

    @classmethod
    def of(cls, states: Collection[MerchantState], now: datetime, *, every: timedelta = HOUR) -> FleetStatus:
        """The status of the merchants with these states.

        Args:
            states: From ``MerchantStore.find``.
            now: The time.
            every: The time from one slot of a merchant to the next.
        """
        due = [
            state.next_probe or last_slot(state.merchant, now, every)
            for state in states
            if state.refusal(now, every) is None
        ]
        waiting = [state.oldest_pending for state in states if state.oldest_pending is not None]
        return cls(
            merchants=len(states),
            running=sum(state.is_owned(now) for state in states),
            due=len(due),
            longest_due=now - min(due) if due else None,
            failing=sum(state.failures > 0 for state in states),
            quarantined=sum(state.is_quarantined for state in states),
            needing_person=sum(state.needs_person > 0 for state in states),
            items_needing_person=sum(state.needs_person for state in states),
            oldest_pending=min(waiting, default=None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values only. Times are ISO 8601 in UTC, durations are seconds."""
        return {
            "merchants": self.merchants,
            "running": self.running,
            "due": self.due,
            "longest_due": None if self.longest_due is None else self.longest_due.total_seconds(),
            "failing": self.failing,
            "quarantined": self.quarantined,
            "needing_person": self.needing_person,
            "items_needing_person": self.items_needing_person,
            "oldest_pending": self.oldest_pending.astimezone(UTC).isoformat() if self.oldest_pending else None,
        }


def prometheus_metrics(
    states: Collection[MerchantState], now: datetime, *, every: timedelta = HOUR, merchants: Collection[str] = ()
) -> str:
    """The status of a fleet in the text format of Prometheus, for an endpoint such as ``/metrics``.

    Needs the extra ``prometheus``. Serve it as ``text/plain; version=0.0.4; charset=utf-8``.

    Args:
        states: From ``MerchantStore.find``.
        now: The time.
        every: The time from one slot of a merchant to the next.
        merchants: The ids of merchants that also have metrics of their own. A metric for each of thousands of merchants
            would be expensive, so there are none unless you name them.

    Raises:
        MissingExtra: The package ``prometheus-client`` is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.metrics_core import GaugeMetricFamily
    except ImportError as error:
        raise MissingExtra("metrics need the extra prometheus; run pip install 'remote_artwork[prometheus]'") from error

    class Fleet:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            status = FleetStatus.of(states, now, every=every)
            for name, text, number in _of_fleet(status, now):
                yield GaugeMetricFamily(f"remote_artwork_fleet_{name}", text, value=number)
            named = [state for state in states if state.merchant in merchants]
            for name, text, values in _of_merchants(named, now) if named else ():
                family = GaugeMetricFamily(f"remote_artwork_merchant_{name}", text, labels=["merchant"])
                for state, value in zip(named, values, strict=True):
                    if value is not None:
                        family.add_metric([state.merchant], value)
                yield family

    registry = CollectorRegistry()
    registry.register(Fleet())
    return generate_latest(registry).decode()


def _of_fleet(status: FleetStatus, now: datetime) -> list[tuple[str, str, float]]:
    """Name, description and value of each metric of a fleet."""
    return [
        ("merchants", "Merchants that were scanned at least once.", status.merchants),
        ("merchants_running", "Merchants that are being scanned.", status.running),
        ("merchants_due", "Merchants that wait for a worker.", status.due),
        (
            "longest_due_seconds",
            "How long the first merchant that waits for a worker has waited.",
            status.longest_due.total_seconds() if status.longest_due else 0.0,
        ),
        ("merchants_failing", "Merchants whose latest pass failed.", status.failing),
        ("merchants_quarantined", "Failing merchants that are tried less often.", status.quarantined),
        ("merchants_needing_person", "Merchants with items that need a person.", status.needing_person),
        ("items_needing_person", "Items that need a person.", status.items_needing_person),
        (
            "oldest_pending_age_seconds",
            "The age of the oldest order that waits; 0 if none waits.",
            _age(status.oldest_pending, now) or 0.0,
        ),
    ]


def _of_merchants(states: Sequence[MerchantState], now: datetime) -> list[tuple[str, str, list[float | None]]]:
    """Name, description and values of each metric of single merchants. None: the merchant has no value."""
    return [
        ("failures", "Passes that failed in a row.", [state.failures for state in states]),
        ("quarantined", "1 in quarantine, otherwise 0.", [float(state.is_quarantined) for state in states]),
        ("items_needing_person", "Items that need a person.", [state.needs_person for state in states]),
        (
            "last_success_age_seconds",
            "Time since the latest pass without a fault.",
            [_age(state.succeeded_at, now) for state in states],
        ),
        (
            "oldest_pending_age_seconds",
            "The age of the oldest order that waits.",
            [_age(state.oldest_pending, now) for state in states],
        ),
    ]


def _age(moment: datetime | None, now: datetime) -> float | None:
    """Seconds since a moment; 0 if another clock, which is ahead, has set it."""
    return None if moment is None else max(0.0, (now - moment).total_seconds())
