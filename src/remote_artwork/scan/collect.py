"""Survey: what the host wants, what the ledger knows and what the storage holds, brought together. Writes nothing."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Literal

from attrs import define, field, frozen

from remote_artwork.client import FulfillmentClient, Ledger
from remote_artwork.core.events import Emit, FilesListed, ignore, items_found
from remote_artwork.core.expected import ExpectedFiles, SearchQuery, expect_files, split_extension
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState, OrderKey, OrderRecord
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import Attaching, Order, OrderState, StoredFile
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.planner import OrderPlan, Planner, order_from_record
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import Fault, FileOutcome, FileStatus, FileTally, ItemStatus, natural_key
from remote_artwork.core.unmatched import UnmatchedClassifier, unsupported
from remote_artwork.errors import ClientError, ConfigurationError, LedgerError, StorageError, StorageMisbehaved
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import Inspector
from remote_artwork.storage.storage import ArtworkStorage

_JUDGED_AT_ONCE = 34_000
"""Odd names are looked up in the ledger in batches; their pages, with so many names, are kept until then."""

_JUDGED_BY_THE_WAY = 1_000
"""Of the odd names that a skip-scan comes by, so many are judged. To judge one takes longer than to list it."""


@define
class Discovery:
    """One look through a storage location.

    Args:
        storage: Where to look.
        wanted: What to look for; None: every file of the location is to be seen.
        matches: Takes what is awaited.
        classifier: Judges the rest.
        tally: Counts the rest.
        ledger: Knows which odd files belong to orders that are done.
        tenant: Whose ledger rows are looked at.
        tell: Is told how many names were listed.
    """

    storage: ArtworkStorage
    wanted: SearchQuery | None
    matches: Matches
    classifier: UnmatchedClassifier
    tally: FileTally
    ledger: Ledger
    tenant: str
    emit: Emit = ignore
    _misses: list[str] = field(factory=list)
    _pages: list[Page] = field(factory=list)
    _near: list[FileOutcome] = field(factory=list)
    _come_by: int = 0

    def run(self) -> StorageError | None:
        """Goes through every page.

        Returns:
            The error that broke the look off, after which nothing is known of any file; None when all was seen.

        Raises:
            LocationNotFound: The bucket or folder does not exist.
            LedgerError: The ledger could not be read.
        """
        pages = self.storage.pages() if self.wanted is None else self.storage.search(self.wanted)
        try:
            for page in pages:
                misses = self.matches.add_page(page)
                if page.strategy == "skip-scan":
                    misses = misses[: _JUDGED_BY_THE_WAY - self._come_by]
                    self._come_by += len(misses)
                self._misses += misses
                if misses:
                    self._pages.append(page)
                if sum(len(kept.names) for kept in self._pages) >= _JUDGED_AT_ONCE:
                    self._judge()
                if page.names:
                    self.emit(FilesListed(tenant=self.tenant, count=len(page.names)))
        except StorageError as error:
            return error
        finally:
            self._judge()
        self.matches.complete = self.matches.complete or self.wanted is None
        self._settle()
        return None

    def _judge(self) -> None:
        names, self._misses = self._misses, []
        pages, self._pages = self._pages, []
        known = self._known({number for name in names for number in self.classifier.order_numbers(name)})
        listed = _listed(pages, known)
        for name in names:
            outcome = self.classifier.classify(name, known, listed.get(name))
            if outcome is None:
                continue
            if outcome.suggestion is not None:
                self._near.append(outcome)
            else:
                self.tally.add(outcome)

    def _known(self, numbers: set[str]) -> Mapping[str, list[OrderRecord]]:
        by_number: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        if numbers:
            for record in self.ledger.find(self.tenant, order_numbers=numbers):
                by_number[record.order_number].append(record)
        return by_number

    def _settle(self) -> None:
        """Judges what could not be judged before every name had been seen."""
        served = {(key, placement) for key, sides in self.matches.found.items() for placement in sides}
        for outcome in self._near:
            self.tally.add(self.classifier.withdraw_if_found(outcome, served))
        for name in self.matches.unsupported:
            self.tally.add(unsupported(name))
        for name, files in self.matches.ambiguous:
            refusal = next(
                self.matches.expected.excluded[file.key] for file in files if file.key in self.matches.expected.excluded
            )
            self.tally.add(FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=refusal.because))


def _listed(pages: Iterable[Page], known: Mapping[str, Iterable[OrderRecord]]) -> dict[str, StoredFile]:
    """The listed files under names that fulfilled orders were printed with. No others are built: that costs time."""
    printed = {
        file.name
        for records in known.values()
        for record in records
        if record.state is FulfillState.FULFILLED
        for row in record.items.values()
        for file in row.files
    }
    listed = {}
    for page in pages if printed else ():
        for place, name in enumerate(page.names):
            if name in printed:
                with suppress(StorageMisbehaved):  # then nothing is said of this one
                    listed[name] = page.file(place)
    return listed


log: logging.Logger = logging.getLogger(__name__)

Records = Mapping[OrderKey, OrderRecord]
_SENT = (FulfillState.FULFILLED, *sorted(UNRESOLVED_STATES))

Unknown = tuple[ItemStatus, Reason] | None
"""Why nothing can be known of files or rows, as the outcome to report; None where all was seen."""


@frozen(kw_only=True)
class Collected:
    """What is known before anything is done.

    Args:
        plans: One for each pending order, by number.
        expected: The expected names.
        unknown: Stem → names of which nobody knows whether they are there → why.
        tally: Odd files.
        faults: What could not be used.
        coverage: Whether every file was seen.
        names_seen: How many files were seen.
        strategy: How the storage was looked through.
        whole: Whether the host named all its pending orders.
        requests_before: The storage's request counts before the survey.
    """

    plans: Sequence[OrderPlan]
    expected: ExpectedFiles
    unknown: Mapping[str, Mapping[str, str]]
    tally: FileTally
    faults: list[Fault]
    coverage: Literal["partial", "full"]
    names_seen: int
    strategy: tuple[str, ...]
    whole: bool
    requests_before: Mapping[str, int]

    def requests_since(self, storage: ArtworkStorage) -> dict[str, int]:
        """Requests of the pass so far, by kind."""
        return {kind: count - self.requests_before.get(kind, 0) for kind, count in storage.requests.items()}


@frozen(kw_only=True)
class Pending:
    """The pending orders as the host named them.

    Args:
        orders: By id, each once.
        malformed: Ids that were named twice with different contents.
        fault: Why the list broke off, where it did.
    """

    orders: Mapping[str, Order]
    malformed: frozenset[str]
    fault: Fault | None


@frozen(kw_only=True)
class Collector:
    """Brings orders, ledger and storage together."""

    storage: ArtworkStorage
    client: FulfillmentClient
    ledger: Ledger
    pattern: FilenamePattern
    policy: Policy
    tenant: str
    retry: RetryPolicy
    inspector: Inspector
    emit: Emit = ignore

    def look(
        self,
        now: datetime,
        *,
        orders: Collection[str] | None,
        tally: FileTally,
        sweep: bool = False,
        names: Collection[str] = (),
    ) -> Collected:
        """Looks once.

        Args:
            now: The time of the pass.
            orders: Numbers of the orders to plan, of those that are pending or have an unsettled call; when None, all.
            tally: Takes the odd files.
            sweep: Looks through the whole location, also when nothing is awaited.
            names: Files to look for besides, whether or not anybody awaits them.

        Raises:
            ConfigurationError: Something must be set right before a scan makes sense.
        """
        requests_before = self.storage.requests
        pending = drain(self.client, self.retry)
        faults = [pending.fault] if pending.fault else []
        expected = expect_files(pending.orders.values(), self.pattern)
        matches = Matches(expected)
        records, unsettled, unknown = self._records(pending, faults)
        wanted = None if sweep else expected.query(names, orders=orders)
        if unknown is None and (wanted is None or wanted.basenames or wanted.names):
            unknown = self._discover(wanted, pending, matches, tally, faults)
        used: Mapping[str, Sequence[OrderRecord]] = {}
        if unknown is None:
            used, unknown = self._used(matches, faults)
        planner = Planner(
            expected=expected,
            matches=matches,
            policy=self.policy,
            now=now,
            call_limit=self.client.call_limit,
            attach_at_once=self.policy.fulfill == "per_item" and self.client.attaching is Attaching.SEPARATE,
            used_by=used,
            checks_digest=self.inspector.digest,
            appear_whole=self.storage.appear_whole,
        )
        plans = [
            planner.order(order_from_record(record), record.key, record)
            for record in unsettled
            if orders is None or record.order_number in orders
        ]
        for order in sorted(pending.orders.values(), key=lambda order: (natural_key(order.number), order.id)):
            if orders is not None and order.number not in orders:
                continue
            key = OrderKey(self.tenant, order.id, order.approval)
            plan = planner.order(order, key, records.get(key))
            if order.id in pending.malformed:
                plan = plan.with_status(ItemStatus.FAILED, reason("duplicate_id", order_id=order.id))
            elif unknown is not None:
                plan = plan.with_status(*unknown)
            elif order.id in {record.key.order_id for record in unsettled}:
                plan = plan.with_status(ItemStatus.SETTLING, reason("earlier_approval_unresolved"))
            plans.append(plan)
        for plan in plans:
            for event in items_found(plan):
                self.emit(event)
        return Collected(
            plans=plans,
            expected=expected,
            unknown=matches.unknown,
            tally=tally,
            faults=faults,
            coverage="full" if unknown is None and matches.complete else "partial",
            names_seen=matches.names_seen,
            strategy=tuple(matches.strategies),
            whole=pending.fault is None,
            requests_before=requests_before,
        )

    def _records(self, pending: Pending, faults: list[Fault]) -> tuple[Records, Sequence[OrderRecord], Unknown]:
        """The rows of the pending orders, and those of other orders and approvals with a call that has no known end."""
        try:
            found = self.ledger.find(self.tenant, order_ids=pending.orders.keys()) if pending.orders else ()
            records = {record.key: record for record in found}
            begun = [row for state in sorted(UNRESOLVED_STATES) for row in self.ledger.find(self.tenant, state=state)]
            named = {OrderKey(self.tenant, order.id, order.approval) for order in pending.orders.values()}
            return records, [record for record in begun if record.key not in named], None
        except LedgerError as error:
            return {}, (), _unread_ledger(error, faults)

    def _used(self, matches: Matches, faults: list[Fault]) -> tuple[Mapping[str, Sequence[OrderRecord]], Unknown]:
        """Which of the matched files orders have been printed with, or may have been."""
        names = {name for sides in matches.found.values() for files in sides.values() for name in files}
        numbers = {number for name in names for number in self.pattern.order_numbers(split_extension(name)[0])}
        used: dict[str, list[OrderRecord]] = {}
        try:
            for record in self.ledger.find(self.tenant, order_numbers=numbers) if numbers else ():
                if record.state in _SENT:
                    for name in {file.name for row in record.items.values() for file in row.files} & names:
                        used.setdefault(name, []).append(record)
        except LedgerError as error:
            return {}, _unread_ledger(error, faults)
        return used, None

    def _discover(
        self, wanted: SearchQuery | None, pending: Pending, matches: Matches, tally: FileTally, faults: list[Fault]
    ) -> Unknown:
        discovery = Discovery(
            storage=self.storage,
            wanted=wanted,
            matches=matches,
            classifier=UnmatchedClassifier(self.pattern, matches.expected, pending.orders.values()),
            tally=tally,
            ledger=self.ledger,
            tenant=self.tenant,
            emit=self.emit,
        )
        try:
            error = discovery.run()
        except LedgerError as failure:
            return _unread_ledger(failure, faults)
        if error is None:
            return None
        faults.append(Fault.of("storage", error))
        return ItemStatus.UNREADABLE, reason("storage_not_read", error=str(error))


def _unread_ledger(error: LedgerError, faults: list[Fault]) -> tuple[ItemStatus, Reason]:
    faults.append(Fault.of("ledger", error))
    return ItemStatus.FAILED, reason("ledger_not_read", error=str(error))


def drain(client: FulfillmentClient, retry: RetryPolicy) -> Pending:
    """Reads all pending orders, each id once; keeps what came when the host breaks off half-way.

    Raises:
        ConfigurationError: The client says that its orders cannot be read as they are.
    """
    orders: dict[str, Order] = {}
    malformed: set[str] = set()

    def read_all() -> None:
        orders.clear()
        malformed.clear()
        for order in client.pending_orders():
            if order.state is not OrderState.PENDING:
                continue
            if orders.setdefault(order.id, order) != order:
                malformed.add(order.id)

    fault = None
    try:
        retry.call(read_all, on=ClientError)
    except ConfigurationError:
        raise
    except Exception as error:  # whatever the host's code raises, the orders received are worked on
        log.warning("pending_orders_broke_off", extra={"received": len(orders)}, exc_info=True)
        message = str(error) if isinstance(error, ClientError) else f"{type(error).__name__}: {error}"
        fault = Fault(part="client", because=reason("list_broke_off", error=message))
    return Pending(orders=orders, malformed=frozenset(malformed), fault=fault)
