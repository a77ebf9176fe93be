"""Collect the input of a scan: pending orders, ledger rows and a listing of the storage. Nothing is written."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Literal

from attrs import define, field, frozen

from remote_artwork.client import CallLimiter, FulfillmentClient, Ledger, limited_call
from remote_artwork.core.events import Emit, FilesListed, ignore, items_found
from remote_artwork.core.expected import ExpectedFiles, SearchQuery, expect_files, split_extension
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    FileRecord,
    FulfillState,
    OrderKey,
    OrderRecord,
    lookup_keys,
)
from remote_artwork.core.manifest import Assignments, assign_rows
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import Attaching, StoredFile
from remote_artwork.core.pattern import SKU, FilenamePattern
from remote_artwork.core.planner import OrderPlan, Planner, order_from_record, stability_problem
from remote_artwork.core.policy import Policy
from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import (
    Fault,
    FileOutcome,
    FileStatus,
    FileTally,
    ItemOutcome,
    ItemStatus,
    UnknownOrder,
    natural_key,
)
from remote_artwork.core.text import nfc
from remote_artwork.core.unmatched import UnmatchedClassifier, unsupported
from remote_artwork.errors import LedgerError, LocationNotFound, StorageError, StorageMisbehaved
from remote_artwork.retry import RetryPolicy
from remote_artwork.scan.checks import Inspector
from remote_artwork.scan.manifest import ManifestReader
from remote_artwork.scan.pending import PendingOrders, fetch_by_number, fetch_pending
from remote_artwork.scan.stopwatch import Stopwatch
from remote_artwork.storage.storage import ArtworkStorage

log: logging.Logger = logging.getLogger(__name__)

_CLASSIFY_BATCH = 34_000
"""Unmatched files are classified in batches, with one ledger query each. A batch ends once its pages have this many
names."""

_MAX_LOOKUPS = 100
"""A scan looks up at most this many files of orders that are done, to see whether they were replaced."""

_MAX_PROBLEMS = 20
"""Problems of a manifest that a fault contains."""

_MAX_SKIP_SCAN_UNMATCHED = 1_000
"""A skip-scan classifies at most this many unmatched files, because classifying a name takes longer than listing it."""


@frozen(kw_only=True)
class Collected:
    """The input of a scan, before anything is done.

    Args:
        plans: One plan for each pending order, sorted by order number. Orders with an unresolved call come first.
        expected: The expected file names, if names were given to search for; otherwise None, because they take memory.
        unknown: Basename → file names that the storage could not confirm or deny → why.
        faults: The parts that could not be read.
        coverage: Whether every file was listed.
        saw_only_neighbors: See ``Matches``.
        names_seen: The number of listed files.
        strategy: How the storage was searched.
        orders_complete: Whether the shop returned all its pending orders.
        other_outcomes: Outcomes of orders in the shop's list that have no plan. Their item number is empty.
        pending_ids: The ids of all orders in the shop's list.
        unknown_orders: The requested numbers that no pending order has. Empty if the list is incomplete.
    """

    plans: tuple[OrderPlan, ...]
    expected: ExpectedFiles | None
    unknown: Mapping[str, Mapping[str, str]]
    faults: tuple[Fault, ...]
    coverage: Literal["partial", "full"]
    saw_only_neighbors: bool
    names_seen: int
    strategy: tuple[str, ...]
    orders_complete: bool
    other_outcomes: tuple[ItemOutcome, ...]
    pending_ids: frozenset[str]
    unknown_orders: tuple[UnknownOrder, ...] = ()


@frozen(kw_only=True)
class Collector:
    """Reads the shop, the ledger and the storage, and plans each pending order."""

    storage: ArtworkStorage
    client: FulfillmentClient
    ledger: Ledger
    pattern: FilenamePattern
    policy: Policy
    tenant: str
    retry: RetryPolicy
    inspector: Inspector
    stopwatch: Stopwatch
    call_limiter: CallLimiter | None = None
    emit: Emit = ignore
    manifest: ManifestReader | None = None

    def collect(
        self,
        now: datetime,
        *,
        orders: Collection[str] | None,
        tally: FileTally,
        sweep: bool = False,
        names: Collection[str] = (),
        by_number: bool = False,
    ) -> Collected:
        """Collect the input of one scan.

        Args:
            now: The time of the scan.
            orders: The numbers of the orders to plan; None plans all. An order must be pending, or have a call with
                an unknown outcome.
            tally: Counts the unmatched files.
            sweep: List the whole location, even if no file is expected.
            names: More file names to search for, whether or not an order expects them.
            by_number: Read only the orders with the numbers ``orders``, if the client finds orders by number. Other
                orders are not known then, so unmatched files are not classified.

        Raises:
            ConfigurationError: The configuration must be fixed before a scan can run.
        """
        with self.stopwatch.measure("pending_orders"):
            pending = self._fetch_pending(orders if by_number else None)
        assigned, failure = self._assign_files(pending, now)
        if assigned.unknown_orders and self.manifest and orders is None:
            because = assigned.unknown_orders
            tally.add(FileOutcome(name=self.manifest.name, status=FileStatus.EARLY, because=because))
        expected = expect_files(pending.claimants, self.pattern, other_numbers=pending.other_numbers, assigned=assigned)
        query = None if sweep else expected.query(names, orders=orders)
        matches = Matches(expected)
        rows = LedgerRows()
        used: Mapping[str, Sequence[OrderRecord]] = {}
        try:
            with self.stopwatch.measure("ledger_rows"):
                rows = self._find_rows(pending)
            if failure is None and (query is None or query.basenames or query.names):
                with self.stopwatch.measure("listing"):
                    self._list_files(query, pending, matches, tally)
            with self.stopwatch.measure("ledger_rows"):
                used = self._find_used_files(matches)
            self._look_up_changed(
                matches, [*rows.by_key.values(), *(each for known in used.values() for each in known)]
            )
        except LedgerError as error:
            failure = ReadFailure.of_ledger(error)
        except (StorageError, LocationNotFound) as error:
            failure = ReadFailure.of_storage(error)
        planner = Planner(
            expected=expected,
            matches=matches,
            policy=self.policy,
            now=now,
            call_limit=self.client.call_limit,
            attach_at_once=self.policy.attaches_items_at_once and self.client.attaching is Attaching.SEPARATE,
            used_by=used,
            checks_digest=self.inspector.digest,
            appear_whole=self.storage.appear_whole,
            names_can_change=self.manifest is not None or self.pattern.uses(SKU),
        )
        plans = self._plan_orders(planner, pending, rows, failure, orders)
        for plan in plans:
            for event in items_found(plan):
                self.emit(event)
        other_outcomes = (
            *pending.other_outcomes(orders),
            *(plan.outcome_without_items() for plan in plans if not plan.items),
        )
        return Collected(
            plans=plans,
            expected=expected if names else None,
            unknown=matches.unknown,
            faults=tuple(fault for fault in (pending.fault, failure and failure.fault) if fault),
            coverage="full" if failure is None and matches.complete and not pending.found_by_number else "partial",
            saw_only_neighbors=matches.saw_only_neighbors,
            names_seen=matches.names_seen,
            strategy=tuple(matches.strategies),
            orders_complete=pending.complete,
            other_outcomes=other_outcomes,
            pending_ids=pending.ids,
            unknown_orders=_find_unknown(orders, pending, plans, other_outcomes),
        )

    def _fetch_pending(self, numbers: Collection[str] | None) -> PendingOrders:
        try:
            return self._read_pending(numbers)
        except LedgerError as error:
            return PendingOrders(orders={}, fault=Fault.of("ledger", error), hold=reason("numbers_not_known"))

    def _read_pending(self, numbers: Collection[str] | None) -> PendingOrders:
        """The orders with these numbers, if that is possible and enough; otherwise all pending orders.

        A manifest may name any file for any order. Then only the whole list shows that no two orders get one file.
        """
        found, limited = None, partial(limited_call, self.call_limiter, tenant=self.tenant)
        if numbers is not None and self.manifest is None:
            found = fetch_by_number(self.client, numbers, self.pattern, self.retry, limited)
        if found is not None:
            return found
        return fetch_pending(self.client, self.pattern, self.retry, limited, tenant=self.tenant)

    def _assign_files(self, pending: PendingOrders, now: datetime) -> tuple[Assignments, ReadFailure | None]:
        """What the manifest says about the pending orders, or why nothing may be sent without it."""
        if self.manifest is None:
            return Assignments(), None
        try:
            with self.stopwatch.measure("listing"):
                manifest = self.manifest.read()
        except (StorageError, LocationNotFound) as error:
            return Assignments(), ReadFailure.of_storage(error)
        if manifest.problems:
            fault = Fault(part="manifest", because=manifest.problems[0], notes=manifest.problems[1:_MAX_PROBLEMS])
            because = reason("manifest_not_read", manifest=self.manifest.name)
            return Assignments(), ReadFailure(fault=fault, status=ItemStatus.FAILED, because=because)
        unstable = self.manifest.file and stability_problem(
            [self.manifest.file],
            now=now,
            settle_for=self.policy.settle_for,
            appear_whole=self.storage.appear_whole,
        )
        if unstable:
            return Assignments(), ReadFailure(fault=None, status=ItemStatus.SETTLING, because=unstable)
        self.manifest.is_used = True
        return assign_rows(manifest, pending.claimants), None

    def _find_rows(self, pending: PendingOrders) -> LedgerRows:
        pending_keys = {OrderKey(self.tenant, order.id, order.approval) for order in pending.orders.values()}
        by_key: dict[OrderKey, OrderRecord] = {}
        other_unresolved: list[OrderRecord] = []
        for record in self.ledger.find(self.tenant, order_ids=pending.orders.keys(), unresolved=True):
            if record.key.order_id in pending.orders:
                by_key[record.key] = record
            unknown_fulfill = record.state in UNRESOLVED_STATES and record.key not in pending_keys
            # A new approval of a listed order attaches its artwork again.
            unknown_attach = record.attach_unresolved and record.key.order_id not in pending.ids
            if unknown_fulfill or unknown_attach:
                other_unresolved.append(record)
        return LedgerRows(by_key=by_key, other_unresolved=tuple(other_unresolved))

    def _list_files(
        self, query: SearchQuery | None, pending: PendingOrders, matches: Matches, tally: FileTally
    ) -> None:
        FileDiscovery(
            storage=self.storage,
            query=query,
            matches=matches,
            classifier=UnmatchedClassifier(self.pattern, matches.expected, pending.claimants),
            tally=tally,
            ledger=self.ledger,
            tenant=self.tenant,
            emit=self.emit,
            manifest=self.policy.manifest,
            classify=not pending.found_by_number,
        ).run()

    def _find_used_files(self, matches: Matches) -> Mapping[str, Sequence[OrderRecord]]:
        """Each of the ``lookup_keys`` of the matched files → the rows of orders that such a file was used for.

        The ledger looks the files up by their names and paths. The numbers in a name say nothing: an order may have had
        another number then, or the shop another pattern. A file that is reused may have been printed for any order, so
        nothing is looked up then.
        """
        if self.pattern.is_reusable:
            return {}
        by_name = [files for placements in matches.found.values() for files in placements.values()]
        names = {name for files in by_name for file in files.values() for name in (file.name, file.path_key) if name}
        used: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        for record in self.ledger.find(self.tenant, file_names=names) if names else ():
            for key in {key for file in record.used_files for key in lookup_keys(file)}:
                used[key].append(record)
        return dict(used)

    def _look_up_changed(self, matches: Matches, records: Iterable[OrderRecord]) -> None:
        """Look up each listed file that no record of its name describes.

        Records contain the change tokens of lookups. Either the file was replaced, or this storage has other change
        tokens in its listings. Only a lookup shows which.
        """
        known: defaultdict[str, list[FileRecord]] = defaultdict(list)
        for record in records:
            for file in (*record.used_files, *(file for row in record.items.values() for file in row.files)):
                for key in lookup_keys(file):
                    known[key].append(file)
        current: dict[str, StoredFile | None] = {}
        for files in [files for placements in matches.found.values() for files in placements.values()]:
            for name, listed in list(files.items()):
                if name not in current:
                    current[name] = self._look_up(listed, known, matches)
                if (now := current[name]) is None:
                    del files[name]
                else:
                    files[name] = now

    def _look_up(
        self, listed: StoredFile, known: Mapping[str, Sequence[FileRecord]], matches: Matches
    ) -> StoredFile | None:
        """The listed file, or what a lookup shows if a record has its name and none describes it; None if it failed."""
        same = [file for key in lookup_keys(listed) for file in known.get(key, ())]
        if not (listed.listed and same) or any(file.may_describe(listed) for file in same):
            return listed
        try:
            return self.storage.stat(listed.name)
        except StorageError as error:
            matches.add_unknown(listed.name, str(error))
            return None

    def _plan_orders(
        self,
        planner: Planner,
        pending: PendingOrders,
        rows: LedgerRows,
        failure: ReadFailure | None,
        orders: Collection[str] | None,
    ) -> tuple[OrderPlan, ...]:
        plans = [
            planner.order(order_from_record(record), record.key, record)
            for record in rows.other_unresolved
            if orders is None or record.order_number in orders
        ]
        unresolved_ids = {record.key.order_id for record in rows.other_unresolved}
        for order in sorted(pending.orders.values(), key=lambda order: (natural_key(order.number), order.id)):
            if orders is not None and order.number not in orders:
                continue
            key = OrderKey(self.tenant, order.id, order.approval)
            plan = planner.order(order, key, rows.by_key.get(key))
            if order.id in pending.duplicate_ids:
                plan = plan.with_status(ItemStatus.FAILED, reason("duplicate_id", order_id=order.id))
            elif failure is not None:
                plan = plan.with_status(failure.status, failure.because)
            elif order.id in unresolved_ids:
                plan = plan.wait_for_other_approval()
            elif hold := pending.hold_for(order, planner.expected.basenames_of(order), self.pattern):
                plan = plan.hold(hold)
            plans.append(plan)
        return tuple(plans)


@frozen(kw_only=True)
class LedgerRows:
    """The ledger rows that the plans need.

    Args:
        by_key: The rows of the pending orders.
        other_unresolved: The rows with an unresolved call that belong to no pending order or to another approval.
    """

    by_key: Mapping[OrderKey, OrderRecord] = field(factory=dict)
    other_unresolved: tuple[OrderRecord, ...] = ()


@frozen(kw_only=True)
class ReadFailure:
    """The storage, its manifest or the ledger could not be read.

    Args:
        fault: Goes into the report; None: the next scan may read it without anyone's help.
        status: The status of every item.
        because: The reason of every item.
    """

    fault: Fault | None
    status: ItemStatus
    because: Reason

    @classmethod
    def of_ledger(cls, error: LedgerError) -> ReadFailure:
        """The failure for an error of the ledger."""
        because = reason("ledger_not_read", error=str(error))
        return cls(fault=Fault.of("ledger", error), status=ItemStatus.FAILED, because=because)

    @classmethod
    def of_storage(cls, error: StorageError | LocationNotFound) -> ReadFailure:
        """The failure for an error of the storage. Nothing is known about any file then."""
        because = reason("storage_not_read", error=str(error))
        return cls(fault=Fault.of("storage", error), status=ItemStatus.UNREADABLE, because=because)


@define
class FileDiscovery:
    """Lists or searches a storage location once, matches its files, and classifies the unmatched ones.

    Args:
        storage: The location.
        query: The names to search for; None lists every file of the location.
        matches: Receives the expected files.
        classifier: Classifies the unmatched files.
        tally: Counts the unmatched files.
        ledger: Finds the orders that unmatched files may belong to.
        tenant: The tenant of the ledger rows.
        emit: Receives a ``FilesListed`` event for each page.
        manifest: The name of the manifest, which is not an unmatched file.
        classify: Whether to classify files that no order expects. It takes all pending orders to do so.
    """

    storage: ArtworkStorage
    query: SearchQuery | None
    matches: Matches
    classifier: UnmatchedClassifier
    tally: FileTally
    ledger: Ledger
    tenant: str
    emit: Emit = ignore
    manifest: str | None = None
    classify: bool = True
    _unmatched: list[str] = field(factory=list)
    _pages: list[Page] = field(factory=list)
    _near_misses: list[FileOutcome] = field(factory=list)
    _skip_scan_unmatched: int = 0
    _lookups: int = 0

    def run(self) -> None:
        """Read all pages.

        Raises:
            StorageError: The listing ended early. The scan then knows nothing about any file.
            LocationNotFound: The bucket or folder does not exist.
            LedgerError: The ledger could not be read.
        """
        try:
            for page in self.storage.pages() if self.query is None else self.storage.search(self.query):
                others = self.matches.add_page(page)
                unmatched = [name for name in others if name != self.manifest] if self.classify else []
                if page.strategy == "skip-scan":
                    unmatched = unmatched[: _MAX_SKIP_SCAN_UNMATCHED - self._skip_scan_unmatched]
                    self._skip_scan_unmatched += len(unmatched)
                self._unmatched += unmatched
                if unmatched:
                    self._pages.append(page)
                if sum(len(kept.names) for kept in self._pages) >= _CLASSIFY_BATCH:
                    self._classify_batch()
                for key, because in page.unusable.items() if self.classify else ():
                    self.tally.add(self.classifier.classify_unusable(key, because))
                if page.names:
                    self.emit(FilesListed(tenant=self.tenant, count=len(page.names)))
        finally:
            self._classify_batch()
        self.matches.complete = self.matches.complete or self.query is None
        self._classify_remaining()

    def _classify_batch(self) -> None:
        names, self._unmatched = self._unmatched, []
        listed = {name: (page, position) for page in self._pages for position, name in enumerate(page.names)}
        self._pages = []
        used = {file.name for file in self._find_used_files(names) if _shows(listed, file)}
        numbers = {name: self.classifier.order_numbers(name) for name in names if name not in used}
        records = self._find_records(numbers.values())
        sent_files = _build_sent_files(listed, records)
        self._look_up_changed(sent_files, records)
        for name in numbers:
            outcome = self.classifier.classify(name, records, sent_files.get(name))
            if outcome is not None:
                self._add(outcome)

    def _find_used_files(self, names: Collection[str]) -> Iterable[FileRecord]:
        """What the ledger knows of the files with these names: in a full location, most of them were printed.

        A file that is reused was printed for very many orders, and waits for the next one.
        """
        if self.classifier.pattern.is_reusable or not names:
            return ()
        return self.ledger.find_used_files(self.tenant, names)

    def _find_records(self, numbers: Iterable[Collection[str]]) -> dict[str, list[OrderRecord]]:
        """The rows of the orders that the names may belong to, by order number."""
        wanted = set(chain.from_iterable(numbers))
        by_number: defaultdict[str, list[OrderRecord]] = defaultdict(list)
        for record in self.ledger.find(self.tenant, order_numbers=wanted) if wanted else ():
            by_number[record.order_number].append(record)
        return by_number

    def _add(self, outcome: FileOutcome) -> None:
        """Count an unmatched file. A suggestion is kept until all files are known."""
        if outcome.suggestion is not None:
            self._near_misses.append(outcome)
        else:
            self.tally.add(outcome)

    def _look_up_changed(self, files: dict[str, StoredFile], records: Mapping[str, Iterable[OrderRecord]]) -> None:
        """Look up listed files that no record describes: this storage may have other change tokens in its listings."""
        recorded: defaultdict[str, list[FileRecord]] = defaultdict(list)
        for record in chain.from_iterable(records.values()):
            for file in (*record.used_files, *(file for row in record.items.values() for file in row.files)):
                recorded[file.name].append(file)
        for name, listed in list(files.items()):
            if not listed.listed or any(file.may_describe(listed) for file in recorded[name]):
                continue
            del files[name]
            self._lookups += 1
            if self._lookups <= _MAX_LOOKUPS:
                with suppress(StorageError):  # it is not known to be another file
                    files[name] = self.storage.stat(name)

    def _classify_remaining(self) -> None:
        """Classify the files whose outcome depends on all other files."""
        served = {(key, placement) for key, placements in self.matches.found.items() for placement in placements}
        for name in self.matches.unsupported:
            self._add(self.classifier.classify(name, {}) or unsupported(name))
        for outcome in self._near_misses:
            suggestion = outcome.suggestion or ""
            self.matches.misnamed.setdefault(nfc(split_extension(suggestion)[0]), {})[outcome.name] = suggestion
        for outcome in self.classifier.settle_suggestions(self._near_misses, served):
            self.tally.add(outcome)
        excluded = self.matches.expected.excluded
        for name, files in self.matches.ambiguous:
            exclusion = next(excluded[file.key] for file in files if file.key in excluded)
            self.tally.add(FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=exclusion.because))


Listed = tuple[Page, int]
"""Where a file was listed: its page, and its position in the page."""


def _shows(listed: Mapping[str, Listed], recorded: FileRecord) -> bool:
    """Whether the recorded file is among the listed ones, as it was recorded."""
    if recorded.name not in listed:
        return False
    page, position = listed[recorded.name]
    try:
        return recorded.may_describe(page.file(position))
    except StorageMisbehaved:  # the page does not describe this file properly
        return False


def _build_sent_files(
    listed: Mapping[str, Listed], records: Mapping[str, Iterable[OrderRecord]]
) -> dict[str, StoredFile]:
    """The listed files that fulfilled orders were sent with, by name. Building all listed files would take too long."""
    sent_names = {
        file.name
        for record in chain.from_iterable(records.values())
        if record.state is FulfillState.FULFILLED
        for row in record.items.values()
        for file in row.files
    }
    sent_files = {}
    for name in sent_names & listed.keys():
        page, position = listed[name]
        with suppress(StorageMisbehaved):  # the page does not describe this file properly; leave it out
            sent_files[name] = page.file(position)
    return sent_files


def _find_unknown(
    orders: Collection[str] | None,
    pending: PendingOrders,
    plans: Iterable[OrderPlan],
    others: Iterable[ItemOutcome],
) -> tuple[UnknownOrder, ...]:
    """The requested numbers that no outcome has, with the most similar number of a pending order."""
    if orders is None or not pending.complete:
        return ()
    reported = {plan.order.number for plan in plans}.union(outcome.order_number for outcome in others)
    numbers = [order.number for order in pending.orders.values()]
    return tuple(UnknownOrder.of(number, numbers) for number in sorted(orders) if number not in reported)
