"""Where the states of the merchants are kept, so that all workers know them: the interface, and a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from attrs import evolve, field, frozen

from remote_artwork.core.settings import of_type
from remote_artwork.fleet.passes import PassResult, PassStatus
from remote_artwork.fleet.quarantine import Quarantine, release
from remote_artwork.fleet.slots import HOUR, require_duration, utc_now
from remote_artwork.fleet.state import MerchantState
from remote_artwork.locks import ProcessLock

__all__ = ["MemoryMerchantStore", "MerchantStore", "PassRules"]


@frozen(kw_only=True)
class PassRules:
    """How often a merchant is scanned, and when it gets into quarantine. The same for all workers of a fleet.

    Args:
        every: The time from one slot of a merchant to the next.
        quarantine: When a merchant that fails is tried less often.

    Raises:
        ConfigurationError: The time is not above zero, or a value has another type.
    """

    every: timedelta = field(default=HOUR)
    quarantine: Quarantine = field(factory=Quarantine, validator=of_type(Quarantine))

    @every.validator
    def _valid_every(self, _attribute: object, every: timedelta) -> None:
        require_duration("PassRules.every", every)


class MerchantStore(Protocol):
    """Keeps the state of each merchant, and lets one worker at a time scan a merchant. Any thread may call it.

    All times are by the clock of the store.
    """

    def start(
        self, merchant: str, *, owner: str, lease_for: timedelta, rules: PassRules, at_slot: bool = True
    ) -> tuple[MerchantState, PassStatus | None]:
        """Let a worker scan a merchant, unless there is a reason not to. Durable when it returns.

        A pass that an earlier worker has lost counts as a failure first.

        Args:
            merchant: The id. A merchant that is not known yet is added.
            owner: Names the worker and the pass.
            lease_for: How long no other worker may scan the merchant, unless the pass ends before.
            rules: Those of the fleet.
            at_slot: Whether this is the pass of the merchant's slot. If not, it may run at any time, but not in
                quarantine.

        Returns:
            The state, and why the merchant must not be scanned now. None: the worker scans it.

        Raises:
            LedgerError: The store could not be used. Nothing may be scanned.
        """

    def finish(self, merchant: str, result: PassResult | None, *, owner: str, rules: PassRules) -> MerchantState | None:
        """Record the result of a pass, and let other workers scan the merchant. Durable when it returns.

        Args:
            merchant: The id.
            result: Of the pass; None ends a pass outside of the slots, whose result is not recorded.
            owner: As for ``start``.
            rules: Those of the fleet.

        Returns:
            The new state; None if the pass counts as lost already, and nothing was recorded.

        Raises:
            LedgerError: The store could not be used. The call may be repeated.
        """

    def find(self, merchants: Collection[str] | None = None, *, with_results: bool = False) -> Iterable[MerchantState]:
        """The states of merchants, by their ids. Merchants that were never scanned have none.

        Args:
            merchants: The ids; None: all merchants.
            with_results: Whether the states contain the latest results.

        Raises:
            LedgerError: The store could not be read.
        """

    def release(self, merchants: Collection[str] | None) -> int:
        """Let merchants be scanned at once, as a person decides: end their quarantine, and forget their failures.

        Args:
            merchants: The ids; None: all merchants.

        Returns:
            How many merchants had failures.

        Raises:
            LedgerError: The store could not be written.
        """


class MemoryMerchantStore:
    """A ``MerchantStore`` in the memory of one process, for one process and for tests.

    Args:
        clock: Returns the time, with a time zone.
    """

    def __init__(self, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._lock = ProcessLock()
        self._states: dict[str, MerchantState] = {}
        self._failing = 0

    def start(
        self, merchant: str, *, owner: str, lease_for: timedelta, rules: PassRules, at_slot: bool = True
    ) -> tuple[MerchantState, PassStatus | None]:
        """See ``MerchantStore.start``."""
        with self._lock:
            known = self._states.get(merchant) or MerchantState(merchant=merchant)
            after, refusal = start_pass(
                known,
                self._clock(),
                owner=owner,
                lease_for=lease_for,
                rules=rules,
                at_slot=at_slot,
                failing_share=self._failing_share,
            )
            self._keep(after)
            return after, refusal

    def finish(self, merchant: str, result: PassResult | None, *, owner: str, rules: PassRules) -> MerchantState | None:
        """See ``MerchantStore.finish``."""
        with self._lock:
            known = self._states.get(merchant)
            if known is None:
                return None
            after = finish_pass(
                known, result, self._clock(), owner=owner, rules=rules, failing_share=self._failing_share
            )
            if after is not None:
                self._keep(after)
            return after

    def find(self, merchants: Collection[str] | None = None, *, with_results: bool = False) -> list[MerchantState]:
        """See ``MerchantStore.find``."""
        with self._lock:
            chosen = sorted(self._states if merchants is None else self._states.keys() & set(merchants))
            found = [self._states[merchant] for merchant in chosen]
        return found if with_results else [evolve(state, result={}) for state in found]

    def release(self, merchants: Collection[str] | None) -> int:
        """See ``MerchantStore.release``."""
        with self._lock:
            chosen = self._states if merchants is None else self._states.keys() & set(merchants)
            failing = [self._states[merchant] for merchant in chosen if self._states[merchant].failures]
            for state in failing:
                self._keep(release_by_person(state))
            return len(failing)

    def forget(self, merchants: Collection[str]) -> int:
        """Delete the states of merchants that have left. Returns how many there were."""
        with self._lock:
            leaving = [self._states.pop(merchant) for merchant in self._states.keys() & set(merchants)]
            self._failing -= sum(state.failures > 0 for state in leaving)
            return len(leaving)

    def _keep(self, after: MerchantState) -> None:
        before = self._states.get(after.merchant)
        self._failing += bool(after.failures) - bool(before and before.failures)
        self._states[after.merchant] = after

    def _failing_share(self) -> float:
        return self._failing / max(1, len(self._states))


def start_pass(
    state: MerchantState,
    now: datetime,
    *,
    owner: str,
    lease_for: timedelta,
    rules: PassRules,
    at_slot: bool,
    failing_share: Callable[[], float],
) -> tuple[MerchantState, PassStatus | None]:
    """The rule of ``MerchantStore.start``. Pure.

    Args:
        state: The state before.
        now: The time.
        owner: See ``MerchantStore.start``.
        lease_for: See ``MerchantStore.start``.
        rules: See ``MerchantStore.start``.
        at_slot: See ``MerchantStore.start``.
        failing_share: Returns the share of merchants whose latest pass failed. It is called only if it matters.

    Returns:
        The state after, and why the merchant must not be scanned now.
    """
    if state.is_lost(now):
        share = failing_share() if rules.quarantine.depends_on_others(state, None) else 0.0
        state = rules.quarantine.after_loss(state, now, every=rules.every, failing_share=share)
    refusal = state.refusal(now, rules.every)
    if refusal is PassStatus.NOT_DUE and not at_slot:
        refusal = None
    if not at_slot and state.is_quarantined:
        refusal = PassStatus.QUARANTINED
    if refusal is not None:
        return state, refusal
    started = now if at_slot else state.started_at
    return evolve(state, owner=owner, owned_until=now + lease_for, started_at=started), None


def finish_pass(
    state: MerchantState,
    result: PassResult | None,
    now: datetime,
    *,
    owner: str,
    rules: PassRules,
    failing_share: Callable[[], float],
) -> MerchantState | None:
    """The rule of ``MerchantStore.finish``. Pure. Its arguments are those of ``start_pass`` and of ``finish``."""
    if state.owner != owner:
        return None
    if result is None:
        return evolve(state, owner="", owned_until=None)
    share = failing_share() if rules.quarantine.depends_on_others(state, result) else 0.0
    return rules.quarantine.after_pass(state, result, now, every=rules.every, failing_share=share)


def release_by_person(state: MerchantState) -> MerchantState:
    """The state after a person has released the merchant: it is due at once."""
    return evolve(release(state), started_at=None)
