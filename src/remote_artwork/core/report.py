"""The report of a scan: the outcome of every pending item, the unmatched files, the requests, and what failed.

Everything here is plain data: it pickles, copies and compares. Texts are rendered from reasons, last.
"""

from __future__ import annotations

import enum
import json
import re
import sys
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import define, field, fields, frozen

from remote_artwork.core.orders import item_label
from remote_artwork.core.reasons import (
    ENGLISH,
    WORDS,
    Catalog,
    Explained,
    Reason,
    join_reasons,
    reason,
    render_finding,
    to_dicts,
)
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.errors import ExitCode, LocationNotFound

if TYPE_CHECKING:
    from remote_artwork.core.report_history import ReportChanges

Color = Literal["gray", "rgb", "cmyk"]
"""The color model of a picture, without transparency or palette."""

WARNINGS = (
    "bleed",
    "box_ignored",
    "color_mode",
    "font_not_embedded",
    "fonts_unknown",
    "gray_end",
    "low_resolution",
    "not_decoded",
    "page_size",
    "partly_decoded",
    "repaired",
    "scans_missing",
    "unusual_coding",
)
"""Codes of findings that warn. ``Policy(reject_for=…)`` can turn them into rejections."""


class Severity(enum.StrEnum):
    """How serious a finding is."""

    PASS = "pass"  # noqa: S105  not a password
    WARN = "warn"
    REJECT = "reject"


@frozen(kw_only=True)
class Finding:
    """One result of one check.

    The library's checks give a code of the catalog and its ``details``. A check of your own gives a code of its own and
    a ``message``; a catalog that has a template for that code is used instead of the message.

    Args:
        severity: ``reject`` prevents the file from being printed.
        code: For programs, for example ``truncated``.
        details: The fields of the code.
        notes: Further reasons, such as what to do.
        message: What is wrong and what to do, in the words of your own check. Required for a code of your own.
        measured: The measured value with its unit, where there is one.
        required: The required value with its unit, where there is one.

    Raises:
        ValueError: There is no message, and the code with these details is not in the catalog.
    """

    severity: Severity
    code: str
    details: Mapping[str, Any] = field(factory=dict, hash=False)
    notes: tuple[Reason, ...] = ()
    _message: str = ""
    measured: str | None = None
    required: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self._message:
            reason(self.code, **self.details)

    @property
    def message(self) -> str:
        """What was found and what to do, in English."""
        return self._message or join_reasons(self._reasons)

    def render(self, catalog: Catalog = ENGLISH) -> str:
        """What was found and what to do, in the language of a catalog, or in English if it lacks the code."""
        return render_finding(self._reasons, self.message, catalog)

    @property
    def _reasons(self) -> tuple[Reason, ...]:
        return Reason(self.code, self.details), *self.notes

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "severity": str(self.severity),
            "code": self.code,
            "details": dict(self.details),
            "notes": to_dicts(self.notes),
            "message": self.message,
            "measured": self.measured,
            "required": self.required,
        }


SCHEMA_VERSION = 2
MAX_EXAMPLES = 1000

_DIGITS = re.compile("([0-9]+)")


class ItemStatus(enum.StrEnum):
    """The outcome of one pending item."""

    FULFILLED = "fulfilled"
    ATTACHED = "attached"
    MATCHED = "matched"
    NOT_REQUIRED = "not_required"
    MISSING = "missing"
    LATE = "late"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    SETTLING = "settling"
    UNREADABLE = "unreadable"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LATE_REPLACEMENT = "late_replacement"
    AWAITING_REVIEW = "awaiting_review"


NEEDS_PERSON = frozenset(
    {
        ItemStatus.CONFLICT,
        ItemStatus.REJECTED,
        ItemStatus.UNCERTAIN,
        ItemStatus.FAILED,
        ItemStatus.UNREADABLE,
        ItemStatus.LATE,
        ItemStatus.LATE_REPLACEMENT,
        ItemStatus.AWAITING_REVIEW,
    }
)
"""Statuses of items that need a person, unless the code is in ``NEEDS_NOBODY``."""

NEEDS_NOBODY = frozenset(
    {
        "call_in_flight",
        "call_unresolved",
        "ledger_not_read",
        "manifest_not_read",
        "not_tried",
        "numbers_not_known",
        "rate_limited",
        "retry_rate_limited",
        "storage_not_read",
    }
)
"""Codes of items that the next scan resolves, or whose cause is a fault of the report, which says it once."""

_WAITS_NO_MORE = frozenset({ItemStatus.FULFILLED, ItemStatus.CANCELLED, ItemStatus.LATE_REPLACEMENT})

LEFT_FOR_LATER = frozenset({"held_by_other_scan", "limit_reached", "stopped"})
"""Codes of items that a scan left for another one. It did not check their files."""


class FileStatus(enum.StrEnum):
    """The classification of a file that was not used, or not yet."""

    EARLY = "early"
    NEAR_MISS = "near_miss"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    AMBIGUOUS = "ambiguous"
    UNRELATED = "unrelated"


_NO_PLACEMENTS: Mapping[str, str] = {}


@frozen(kw_only=True)
class ItemOutcome(Explained):
    """The outcome of one pending item, and the reason.

    Args:
        order_number: The order's number.
        item_number: The item's number. Empty if the outcome is about an order without readable items.
        status: One of ``ItemStatus``.
        because: The reason, as data; ``code``, ``details`` and ``reason`` come from it.
        order_id: The shop's id of the order.
        item_id: The shop's id of the item. Empty if the outcome is about an order without readable items.
        position: The position of the item in its order, from 1.
        title: The name of the product, if the shop gives it.
        sku: The SKU of the product, if the shop gives it.
        notes: Further reasons, for example what the order waits for.
        files: Names of the files found for the item.
        expected: Names of the missing files, without extension.
        superseded: Names of files that are not used because the policy prefers others.
        placements: Name in ``files``, ``superseded`` or ``expected`` → its placement, if the item has several.
        ordered_at: When the order was created, where the shop says so.
        findings: What the checks found.
        receipt: What the shop returned from ``fulfill``.
        now: True if this scan caused the status; False if an earlier one did.
    """

    order_number: str
    item_number: str
    status: ItemStatus
    because: Reason
    order_id: str
    item_id: str = ""
    position: int | None = None
    title: str | None = None
    sku: str | None = None
    notes: tuple[Reason, ...] = ()
    files: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    placements: Mapping[str, str] = field(default=_NO_PLACEMENTS, hash=False)
    ordered_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    receipt: str | None = None
    now: bool = False

    @property
    def label(self) -> str:
        """The item in the words of its shop: ``2: Blue mug (MUG-B)``. Its number if there is no title and no SKU."""
        return item_label(self.item_number, position=self.position, title=self.title, sku=self.sku)

    @property
    def needs_person(self) -> bool:
        """Whether a person must act. For ``unreadable`` and ``uncertain``: if the next scans do not resolve it."""
        return self.status in NEEDS_PERSON and self.code not in NEEDS_NOBODY

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "order_number": self.order_number,
            "item_number": self.item_number,
            "order_id": self.order_id,
            "item_id": self.item_id,
            "position": self.position,
            "title": self.title,
            "sku": self.sku,
            "status": str(self.status),
            "needs_person": self.needs_person,
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "reason": self.reason,
            "files": list(self.files),
            "expected": list(self.expected),
            "superseded": list(self.superseded),
            "placements": dict(self.placements),
            "ordered_at": self.ordered_at.astimezone(UTC).isoformat() if self.ordered_at else None,
            "findings": [finding.to_dict() for finding in self.findings],
            "receipt": self.receipt,
            "now": self.now,
        }


@frozen(kw_only=True)
class FileOutcome(Explained):
    """The outcome of a file that was not used, or not yet, and the reason.

    Args:
        name: The file's name, relative to the location's folder.
        status: One of ``FileStatus``.
        because: The reason, as data; ``code``, ``details`` and ``reason`` come from it.
        suggestion: For a near miss, the name that the file should have.
        notes: Further reasons.
    """

    name: str
    status: FileStatus
    because: Reason
    suggestion: str | None = None
    notes: tuple[Reason, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "name": self.name,
            "status": str(self.status),
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "reason": self.reason,
            "suggestion": self.suggestion,
        }


@frozen(kw_only=True)
class UnknownOrder(Explained):
    """A number of ``scan(orders=…)`` that no pending order has.

    Args:
        order_number: The number.
        because: The reason, as data; ``code``, ``details`` and ``reason`` come from it.
        suggestion: The most similar number of a pending order; None if none is similar.
        notes: Further reasons.
    """

    order_number: str
    because: Reason
    suggestion: str | None = None
    notes: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, number: str, pending: Sequence[str]) -> UnknownOrder:
        """A number that is not among those of the pending orders."""
        similar = get_close_matches(number, pending, n=1)
        if not similar:
            return cls(order_number=number, because=reason("order_number_unknown", order_number=number))
        because = reason("order_number_similar", order_number=number, suggestion=similar[0])
        return cls(order_number=number, because=because, suggestion=similar[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "order_number": self.order_number,
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "reason": self.reason,
            "suggestion": self.suggestion,
        }


FileListener = Callable[[FileOutcome], None]


@define
class FileTally:
    """Counts unmatched files, and keeps the first 1,000 of each status, sorted by name. They may arrive in any order.

    Args:
        listener: Receives each file.
        counts: The number of files by status.
    """

    listener: FileListener | None = None
    counts: Counter[FileStatus] = field(factory=Counter)
    _examples: dict[FileStatus, list[tuple[str, FileOutcome]]] = field(factory=dict)

    def add(self, outcome: FileOutcome) -> None:
        """Count one file, pass it to the listener, and keep it if it is among the first by name."""
        self.counts[outcome.status] += 1
        if self.listener is not None:
            self.listener(outcome)
        examples = self._examples.setdefault(outcome.status, [])
        if len(examples) < MAX_EXAMPLES or outcome.name < examples[-1][0]:
            insort(examples, (outcome.name, outcome), key=lambda pair: pair[0])
            del examples[MAX_EXAMPLES:]

    def examples(self) -> tuple[FileOutcome, ...]:
        """The files kept, by status and name."""
        return tuple(outcome for status in FileStatus for _, outcome in self._examples.get(status, ()))


Coverage = Literal["partial", "full"]
"""Whether a scan saw every file, or only those that pending orders need."""

Part = Literal["storage", "manifest", "client", "ledger"]
"""What a scan depends on."""


@frozen(kw_only=True)
class Fault(Explained):
    """A storage, manifest, client or ledger that could not be used in this scan.

    Args:
        part: Which of the four.
        because: The reason, as data; ``code``, ``details`` and ``message`` come from it.
        notes: Further reasons.
    """

    part: Part
    because: Reason
    notes: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, part: Part, error: object) -> Fault:
        """The fault for an error. The error's message is its only detail."""
        code = "location_not_found" if isinstance(error, LocationNotFound) else f"{part}_failed"
        return cls(part=part, because=reason(code, error=str(error)))

    @property
    def exit_code(self) -> ExitCode:
        """1: a person must correct the manifest; 2: the location does not exist, so an operator must correct a setting;
        3: every other fault.
        """
        if self.part == "manifest":
            return ExitCode.PERSON_NEEDED
        return ExitCode.WRONG_SETTING if self.code == "location_not_found" else ExitCode.UNUSABLE

    @property
    def title(self) -> str:
        """What could not be used, in English: ``The shop could not be used``."""
        return f"The {WORDS[self.part]} could not be used"

    @property
    def message(self) -> str:
        """What happened, in English."""
        return self.reason

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {"part": self.part, **self.because.to_dict(), "notes": to_dicts(self.notes), "message": self.message}


class PathLike(Protocol):
    """A path object, such as a ``pathlib.Path``."""

    def __fspath__(self) -> str: ...


class TextFile(Protocol):
    """A file that text is written to, such as ``sys.stdout``."""

    def write(self, text: str, /) -> object:
        """Write the text."""


_TOKENS_AT_ONCE = 10_000


class _LazyList(list[Any]):
    """A list for ``json`` whose elements are created while it is written."""

    def __init__(self, elements: Iterable[Any]) -> None:
        self._others = iter(elements)
        super().__init__(islice(self._others, 1))  # an empty list is written in another way

    def __iter__(self) -> Iterator[Any]:
        return chain(super().__iter__(), self._others)


_OF_WORKERS = ("storage", "checks", "shop", "shop_queue", "ledger")


@frozen(kw_only=True)
class Timings:
    """Where the time of a scan went, in seconds.

    The first four follow one another and add up to the scan. The others are sums over the orders: while one order waits
    for the shop, another waits for the storage.

    Args:
        pending_orders: Reading the list of pending orders.
        ledger_rows: Reading the rows of these orders.
        listing: Listing or searching the storage, and matching the names.
        processing: Processing the orders; in a dry run, checking their files.
        orders_at_once: How many orders were processed at the same time.
        storage: Reading files and their metadata.
        checks: Preflight checks, without reading.
        shop: Calls of the client, without the list of orders.
        shop_queue: Waiting until the client may be called: for its limits, or for the thread that makes its calls.
        ledger: Writing to the ledger, and waiting for other writes.
    """

    pending_orders: float = 0.0
    ledger_rows: float = 0.0
    listing: float = 0.0
    processing: float = 0.0
    orders_at_once: int = 1
    storage: float = 0.0
    checks: float = 0.0
    shop: float = 0.0
    shop_queue: float = 0.0
    ledger: float = 0.0

    @property
    def bound_by(self) -> str | None:
        """The field with the largest sum over the orders; None if all are below a millisecond."""
        seconds = {name: _in_milliseconds(getattr(self, name)) for name in _OF_WORKERS}
        largest = max(seconds, key=seconds.__getitem__)
        return largest if seconds[largest] else None

    def to_dict(self) -> dict[str, float | int | str | None]:
        """As in ``ScanReport.to_dict``: seconds with milliseconds."""
        seconds = {
            attribute.name: _in_milliseconds(getattr(self, attribute.name))
            for attribute in fields(type(self))
            if attribute.name != "orders_at_once"
        }
        return {**seconds, "orders_at_once": self.orders_at_once, "bound_by": self.bound_by}


def _in_milliseconds(seconds: float) -> float:
    return round(seconds, 3)


@frozen(kw_only=True)
class ScanReport:
    """The report of one scan or dry run. Plain data, without a storage or other objects.

    Args:
        dry_run: True for ``plan``: nothing was written anywhere.
        tenant: The tenant whose orders were scanned.
        location: The canonical URL of the storage location, without secrets.
        started_at: When the scan started.
        finished_at: When it finished.
        items: One outcome for every pending item, by order and item number.
        files: Files that were not used, at most 1,000 per status.
        file_counts: The number of all such files, by status.
        coverage: ``full`` if the scan saw every file, ``partial`` if it only searched for expected files.
        names_seen: How many files the scan saw.
        requests: Requests to the storage by kind: ``list``, ``head``, ``get``.
        strategy: How files were found: ``skip-scan``, ``listing``, ``prefixes`` or ``probing``, in the order in which
            they were used. Empty if the storage was not read.
        monthly_cost: The cost per month in US dollars of an hourly scan with as many requests; None if unknown.
        faults: What could not be used. If there is any, the exit code is 2 or 3.
        orders: The order numbers that the scan was limited to; None: all pending orders.
        unknown_orders: Those of ``orders`` that no pending order has, if the shop listed all its orders.
        timings: Where the time went.
    """

    dry_run: bool
    tenant: str
    location: str
    started_at: datetime
    finished_at: datetime
    items: tuple[ItemOutcome, ...]
    files: tuple[FileOutcome, ...] = ()
    file_counts: Mapping[FileStatus, int] = field(factory=dict)
    coverage: Coverage = "partial"
    names_seen: int = 0
    requests: Mapping[str, int] = field(factory=dict)
    strategy: tuple[str, ...] = ()
    monthly_cost: float | None = None
    faults: tuple[Fault, ...] = ()
    orders: tuple[str, ...] | None = None
    unknown_orders: tuple[UnknownOrder, ...] = ()
    timings: Timings = field(factory=Timings, eq=False)

    @property
    def counts(self) -> dict[ItemStatus, int]:
        """How many items have each status, in the order of ``ItemStatus``."""
        tally = Counter(item.status for item in self.items)
        return {status: tally[status] for status in ItemStatus if tally[status]}

    @property
    def exit_code(self) -> int:
        """The highest exit code of its faults, else 1 if a person must act, else 0.

        The exit code of a fault is 1 for the manifest, 2 if the location does not exist, and 3 otherwise.
        """
        if self.faults:
            return max(fault.exit_code for fault in self.faults)
        needs_person = any(item.needs_person for item in self.items)
        return ExitCode.PERSON_NEEDED if needs_person else ExitCode.SUCCESS

    @property
    def oldest_pending(self) -> datetime | None:
        """When the oldest order that still waits was created; None if the shop does not say it, or none waits."""
        waiting = (item.ordered_at for item in self.items if item.status not in _WAITS_NO_MORE)
        return min((time for time in waiting if time is not None), default=None)

    def not_processed(self, fault: Fault) -> tuple[ItemOutcome, ...]:
        """The items that were not processed because of a fault. None of them needs a person."""
        return tuple(
            item
            for item in self.items
            if item.code == f"{fault.part}_not_read"
            or (item.code == "not_tried" and item.details["error"] == fault.message)
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values. Times are ISO 8601 in UTC. ``docs/report.schema.json`` describes it."""
        return self._to_dict(list)

    def _to_dict(self, to_list: Callable[[Iterable[Any]], list[Any]]) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "dry_run": self.dry_run,
            "tenant": self.tenant,
            "location": self.location,
            "started_at": self.started_at.astimezone(UTC).isoformat(),
            "finished_at": self.finished_at.astimezone(UTC).isoformat(),
            "coverage": self.coverage,
            "names_seen": self.names_seen,
            "requests": {kind: self.requests.get(kind, 0) for kind in ("list", "head", "get")},
            "strategy": list(self.strategy),
            "monthly_cost": self.monthly_cost,
            "timings": self.timings.to_dict(),
            "counts": {str(status): count for status, count in self.counts.items()},
            "items": to_list(item.to_dict() for item in self.items),
            "file_counts": {
                str(status): self.file_counts[status] for status in FileStatus if status in self.file_counts
            },
            "files": to_list(file.to_dict() for file in self.files),
            "faults": [{**fault.to_dict(), **self._counts(fault)} for fault in self.faults],
            "orders": None if self.orders is None else list(self.orders),
            "unknown_orders": [order.to_dict() for order in self.unknown_orders],
            "exit_code": int(self.exit_code),
        }

    def count_not_processed(self, fault: Fault) -> str:
        """How many items of how many orders were not processed because of a fault, as text. Empty for none."""
        counts = self._counts(fault)
        return f"{counted(counts['items'], 'item')} of {counted(counts['orders'], 'order')}" if counts["items"] else ""

    def _counts(self, fault: Fault) -> dict[str, int]:
        items = self.not_processed(fault)
        return {"orders": len({item.order_id for item in items}), "items": len(items)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ScanReport:
        """The report that ``to_dict`` or ``to_json`` wrote. Texts are rendered again from their reasons.

        Raises:
            ValueError: It is not a report, or another version of this library wrote it. The message names the field.
        """
        from remote_artwork.core.report_reading import read_report

        return read_report(document)

    def merged_with(self, later: ScanReport) -> ScanReport:
        """This report with the newer outcomes of a later scan, for example one of ``scan(orders=…)``.

        A later scan of all orders replaces every outcome. A later scan of some orders replaces only theirs. Requests
        are added, faults and timings are those of the later scan. If the later scan did not see every file, files
        that only this report names are kept.

        Raises:
            ValueError: The reports are of two tenants or locations, or ``later`` started earlier.
        """
        from remote_artwork.core.report_history import merge

        return merge(self, later)

    def changes_since(self, earlier: ScanReport) -> ReportChanges:
        """Which problems are new since an earlier report, which are resolved, and which are still open.

        Raises:
            ValueError: The reports are of two tenants or locations, or ``earlier`` started later.
        """
        from remote_artwork.core.report_history import compare

        return compare(earlier, self)

    def to_json(self, *, indent: int | None = 2) -> str:
        """``to_dict`` as JSON text. Bytes of a name that are not valid UTF-8 are written as escapes."""
        return "".join(self._json_parts(indent))

    def write_json(self, file: TextFile, *, indent: int | None = 2) -> None:
        """Write the text of ``to_json`` to a file. It is never whole in memory, so a report may have 200,000 items."""
        for part in self._json_parts(indent):
            file.write(part)

    def _json_parts(self, indent: int | None) -> Iterator[str]:
        tokens = json.JSONEncoder(indent=indent, ensure_ascii=False).iterencode(self._to_dict(_LazyList))
        while part := "".join(islice(tokens, _TOKENS_AT_ONCE)):
            yield part.encode("utf-8", "backslashreplace").decode()

    def to_html(
        self,
        target: str | PathLike | TextFile | None = None,
        *,
        storage: Any = None,
        fragment: bool = False,
        nonce: str | None = None,
    ) -> str:
        """Return a contact sheet, and write it if there is a target: every outcome, and a thumbnail of every artwork.

        Needs the extra ``report``. At most 2,000 thumbnails are made, from the files as they are now.

        Args:
            target: A path, where an existing file is replaced, or an open text file. None: it is only returned.
            storage: The scanned ``ArtworkStorage``, for example ``scanner.storage``; None: no thumbnails.
            fragment: One ``<div>`` for a page of your own, instead of an HTML page.
            nonce: For a fragment in a page with a Content-Security-Policy: the nonce for its style and script.

        Raises:
            MissingExtra: A required package is not installed.
            ConfigurationError: The target cannot be written.
        """
        # Drawing needs I/O, which the core does not import.
        html = import_module("remote_artwork.reporting.html")
        page: str = html.draw_report(self, storage, fragment=fragment, nonce=nonce)
        if target is not None:
            html.write_page(page, target)
        return page

    def render(self, catalog: Catalog = ENGLISH) -> dict[str, Any]:
        """``to_dict`` with all texts in the language of a catalog."""
        document = self.to_dict()
        for item, row in zip(self.items, document["items"], strict=True):
            row["reason"] = item.render(catalog)
            for finding, each in zip(item.findings, row["findings"], strict=True):
                each["message"] = finding.render(catalog)
        for file, row in zip(self.files, document["files"], strict=True):
            row["reason"] = file.render(catalog)
        for order, row in zip(self.unknown_orders, document["unknown_orders"], strict=True):
            row["reason"] = order.render(catalog)
        for fault, row in zip(self.faults, document["faults"], strict=True):
            row["message"] = fault.render(catalog)
        return document


def files_from_items(items: Iterable[ItemOutcome]) -> Iterable[FileOutcome]:
    """The files of rejected items and of conflicts, and those that are not used because the policy prefers others."""
    for item in items:
        for name in item.superseded:
            because = reason("not_preferred", files=list(item.files))
            yield FileOutcome(name=name, status=FileStatus.SUPERSEDED, because=because)
        if item.status is ItemStatus.REJECTED:
            for name, because in _rejected_files(item):
                yield FileOutcome(name=name, status=FileStatus.REJECTED, because=because, notes=_of_files(item.notes))
        elif item.status is ItemStatus.CONFLICT:
            for because in item.reasons:
                if because.code in _REJECTIONS:  # of another side than those in the conflict
                    for name, rejection in _rejected_by(because):
                        yield FileOutcome(name=name, status=FileStatus.REJECTED, because=rejection)
                    continue
                for name in _files_in_conflict(because):
                    yield FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=because)


_REJECTIONS = ("file_rejected", "files_rejected")


def _of_files(notes: Iterable[Reason]) -> tuple[Reason, ...]:
    """The notes that are about the files of an item, not about the files that it waits for."""
    return tuple(note for note in notes if note.code == "checked_earlier")


def _rejected_files(item: ItemOutcome) -> Iterable[tuple[str, Reason]]:
    """Each rejected file with the reason. If the shop refused the artwork, all files of the item."""
    if item.code not in _REJECTIONS:
        return ((name, item.because) for name in item.files)
    return _rejected_by(item.because)


def _rejected_by(because: Reason) -> Iterator[tuple[str, Reason]]:
    """Each file that the checks rejected, with what they found in it."""
    findings: dict[str, list[Any]] = {}
    for each in because.details.get("rejections", [because.details]):
        findings.setdefault(each["file"], []).append(each["finding"])
    for name, found in findings.items():
        if len(found) == 1:
            yield name, reason("check_rejected", finding=found[0])
        else:
            yield name, reason("checks_rejected", findings=found)


def _files_in_conflict(because: Reason) -> list[str]:
    """The files that a reason for a conflict is about."""
    files = because.details.get("files", [because.details["file"]] if "file" in because.details else [])
    return list(files)


def sorted_items(items: Iterable[ItemOutcome]) -> tuple[ItemOutcome, ...]:
    """Sort by order number, order id and item number. Digits compare as numbers."""
    return tuple(
        sorted(items, key=lambda item: (natural_key(item.order_number), item.order_id, natural_key(item.item_number)))
    )


def natural_key(text: str) -> str:
    """A sort key that puts ``9`` before ``10``. It is short, because a report may have 200,000 items.

    A number is written as its length and its digits, after a character that is smaller than any text.
    """
    parts = _DIGITS.split(text)
    parts[1::2] = [
        f"\0{chr(min(len(digits), sys.maxunicode))}{digits}"
        for digits in (number.lstrip("0") for number in parts[1::2])
    ]
    return "".join(parts)


@frozen(kw_only=True)
class Explanation(Explained):
    """Why a file or an order has its status.

    Args:
        subject: The file name or order number that was asked about.
        steps: What was checked and found, from the pattern to the ledger.
        because: The answer, with what to do.
        notes: Further answers, where several orders have this number.
        exit_code: 0; otherwise the highest exit code of the faults, as in ``ScanReport``.
    """

    subject: str
    steps: tuple[Reason, ...]
    because: Reason
    notes: tuple[Reason, ...] = ()
    exit_code: int = ExitCode.SUCCESS

    @property
    def verdict(self) -> str:
        """The answer in English."""
        return self.reason

    def to_dict(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "subject": self.subject,
            "steps": [{**step.to_dict(), "text": step.render()} for step in self.steps],
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
        }

    def render(self, catalog: Catalog = ENGLISH) -> str:
        """The steps and the answer in the language of a catalog, one per line."""
        lines = [f"{number}. {step.render(catalog)}" for number, step in enumerate(self.steps, start=1)]
        return "\n".join(map(escape_unprintable, [self.subject, *lines, f"→ {join_reasons(self.reasons, catalog)}"]))

    def __str__(self) -> str:
        return self.render()
