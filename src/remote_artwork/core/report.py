"""The report of a scan: one outcome for every pending item, one for every unmatched file, and what the scan cost."""

from __future__ import annotations

import enum
import json
import re
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Literal, Protocol

from attrs import define, field, frozen

from remote_artwork.core.reasons import (
    ENGLISH,
    Catalog,
    Explained,
    Reason,
    join_reasons,
    reason,
    render_finding,
    to_dicts,
)
from remote_artwork.core.text import escape_unprintable

Color = Literal["gray", "rgb", "cmyk"]
"""What a picture is made of; transparency and a palette change nothing."""

WARNINGS = (
    "bleed",
    "color_mode",
    "font_not_embedded",
    "gray_end",
    "low_resolution",
    "not_decoded",
    "page_size",
    "repaired",
)
"""Codes of findings that warn, unless a shop's policy rejects for them."""


class Severity(enum.StrEnum):
    """How bad a finding is."""

    PASS = "pass"  # noqa: S105  a verdict, no password
    WARN = "warn"
    REJECT = "reject"


@frozen(kw_only=True)
class Finding:
    """One result of one check.

    The library's checks give a code of the catalog and its ``details``. A check of your own gives a code of its own and
    a ``message``; a catalog that has a template for that code is used instead of the message.

    Args:
        severity: ``reject`` keeps the file from going to print.
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

    def words(self, catalog: Catalog = ENGLISH) -> str:
        """What was found and what to do, in the words of a catalog that has the code; else in English."""
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

    @property
    def needs_person(self) -> bool:
        """Whether it stays as it is until somebody does something."""
        return self in NEEDS_PERSON


NEEDS_PERSON = frozenset(
    {
        ItemStatus.CONFLICT,
        ItemStatus.REJECTED,
        ItemStatus.UNCERTAIN,
        ItemStatus.FAILED,
        ItemStatus.UNREADABLE,
        ItemStatus.LATE,
        ItemStatus.LATE_REPLACEMENT,
    }
)


class FileStatus(enum.StrEnum):
    """What a file is that did not simply match."""

    EARLY = "early"
    NEAR_MISS = "near_miss"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    AMBIGUOUS = "ambiguous"
    UNRELATED = "unrelated"


@frozen(kw_only=True)
class ItemOutcome(Explained):
    """What became of one pending item, and why.

    Args:
        order_number: The number people know the order by.
        item_number: The number people know the item by.
        status: One of ``ItemStatus``.
        because: The reason, as data; ``code``, ``details`` and ``reason`` come from it.
        order_id: The shop's own id of the order.
        notes: Further reasons, for example what the order waits for.
        files: Names of the files that take part.
        expected: Names that the item waits for, without extension.
        superseded: Names of files that were not used because the policy prefers others.
        findings: What the checks found, beyond a plain pass.
        receipt: What the shop returned from ``fulfill``.
        now: True when this scan brought the item here; False when an earlier one had done so.
    """

    order_number: str
    item_number: str
    status: ItemStatus
    because: Reason
    order_id: str
    notes: tuple[Reason, ...] = ()
    files: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    receipt: str | None = None
    now: bool = False


@frozen(kw_only=True)
class FileOutcome(Explained):
    """What a file is that did not simply match, why, and the name it should have had.

    Args:
        name: The file's name, relative to the location's folder.
        status: One of ``FileStatus``.
        because: The reason, as data; ``code``, ``details`` and ``reason`` come from it.
        suggestion: For a near miss, the name that a pending item waits for.
        notes: Further reasons.
    """

    name: str
    status: FileStatus
    because: Reason
    suggestion: str | None = None
    notes: tuple[Reason, ...] = ()


FileListener = Callable[[FileOutcome], None]


@define
class FileTally:
    """Counts odd files whole and keeps the first examples by name, so that the order of arrival changes nothing."""

    listener: FileListener | None = None
    counts: Counter[FileStatus] = field(factory=Counter)
    _examples: dict[FileStatus, list[tuple[str, FileOutcome]]] = field(factory=dict)

    def add(self, outcome: FileOutcome) -> None:
        """Counts one file; tells the listener; keeps it as an example while there is room."""
        self.counts[outcome.status] += 1
        if self.listener is not None:
            self.listener(outcome)
        examples = self._examples.setdefault(outcome.status, [])
        if len(examples) < MAX_EXAMPLES or outcome.name < examples[-1][0]:
            insort(examples, (outcome.name, outcome), key=lambda pair: pair[0])
            del examples[MAX_EXAMPLES:]

    def examples(self) -> tuple[FileOutcome, ...]:
        """The examples kept, by status in its listed order, then by name."""
        return tuple(outcome for status in FileStatus for _, outcome in self._examples.get(status, ()))


Part = Literal["storage", "client", "ledger"]
"""What a scan works with, and cannot work without."""


@frozen(kw_only=True)
class Fault(Explained):
    """A storage, client or ledger that could not be used in this scan."""

    part: Part
    because: Reason
    notes: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, part: Part, error: object) -> Fault:
        """The fault that an error is, in its own words."""
        return cls(part=part, because=reason(f"{part}_failed", error=str(error)))

    @property
    def message(self) -> str:
        """What happened, in English."""
        return self.words()


class PathLike(Protocol):
    """A path object, such as a ``pathlib.Path``."""

    def __fspath__(self) -> str: ...


@frozen(kw_only=True)
class ScanReport:
    """The result of one pass.

    Args:
        dry_run: True for ``plan``: nothing was written anywhere.
        tenant: Whose pass it was.
        location: The canonical URL of the storage location, without secrets.
        started_at: When the pass began.
        finished_at: When it ended.
        items: One outcome for every pending item, by order and item number.
        files: Examples of odd files, at most 1,000 a status.
        file_counts: All odd files, by status.
        coverage: ``full`` when the pass saw every file, ``partial`` when only what the pending orders led to.
        names_seen: How many files the pass saw.
        requests: Requests to the storage by kind: ``list``, ``head``, ``get``.
        strategy: How the storage was looked through: ``skip-scan``, ``listing``, ``prefixes``, ``probing``, in the
            order in which they were tried; empty where it was not asked.
        monthly_cost: US dollars that as many requests every hour cost a month; None where the price is not known.
        faults: What could not be used; exit code 3 when there is any.
    """

    dry_run: bool
    tenant: str
    location: str
    started_at: datetime
    finished_at: datetime
    items: tuple[ItemOutcome, ...]
    files: tuple[FileOutcome, ...] = ()
    file_counts: Mapping[FileStatus, int] = field(factory=dict)
    coverage: Literal["partial", "full"] = "partial"
    names_seen: int = 0
    requests: Mapping[str, int] = field(factory=dict)
    strategy: tuple[str, ...] = ()
    monthly_cost: float | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def counts(self) -> dict[ItemStatus, int]:
        """How many items have each status, in the statuses' listed order."""
        tally = Counter(item.status for item in self.items)
        return {status: tally[status] for status in ItemStatus if tally[status]}

    @property
    def exit_code(self) -> int:
        """0: went through or waits for a file; 1: a person is needed; 3: storage, client or ledger failed."""
        if self.faults:
            return 3
        return int(any(item.status in NEEDS_PERSON for item in self.items))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only: text, numbers, lists and dictionaries; times in ISO 8601, UTC."""
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
            "counts": {str(status): count for status, count in self.counts.items()},
            "items": [_item(item) for item in self.items],
            "file_counts": {
                str(status): self.file_counts[status] for status in FileStatus if status in self.file_counts
            },
            "files": [_file(file) for file in self.files],
            "faults": [_fault(fault) for fault in self.faults],
            "exit_code": self.exit_code,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """``to_dict`` as JSON text. Half characters, as of names that are no UTF-8, are written as JSON escapes."""
        text = json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode()

    def to_html(self, path: str | PathLike, *, storage: Any = None) -> None:
        """Write a contact sheet: one page with every outcome and a small picture of every artwork.

        The pictures are drawn from the storage's files as they are now, up to 500 of them. Needs the extra ``report``.

        Args:
            path: Where the page is written, in place of whatever is there.
            storage: The ``ArtworkStorage`` that the report is about; None: the page has no pictures.

        Raises:
            MissingExtra: A package it needs is not installed.
            ConfigurationError: The page cannot be written.
        """
        # Drawing needs I/O, so it lives outside of the core; a report only knows where.
        import_module("remote_artwork.reporting.html").write_contact_sheet(self, path, storage)

    def render(self, catalog: Catalog = ENGLISH) -> dict[str, Any]:
        """``to_dict`` with every reason in the words of a catalog, for people who speak its language."""
        document = self.to_dict()
        for item, row in zip(self.items, document["items"], strict=True):
            row["reason"] = item.words(catalog)
            for finding, each in zip(item.findings, row["findings"], strict=True):
                each["message"] = finding.words(catalog)
        for file, row in zip(self.files, document["files"], strict=True):
            row["reason"] = file.words(catalog)
        for fault, row in zip(self.faults, document["faults"], strict=True):
            row["message"] = fault.words(catalog)
        return document


def _item(item: ItemOutcome) -> dict[str, Any]:
    return {
        "order_number": item.order_number,
        "item_number": item.item_number,
        "order_id": item.order_id,
        "status": str(item.status),
        **item.because.to_dict(),
        "notes": to_dicts(item.notes),
        "reason": item.reason,
        "files": list(item.files),
        "expected": list(item.expected),
        "superseded": list(item.superseded),
        "findings": [finding.to_dict() for finding in item.findings],
        "receipt": item.receipt,
        "now": item.now,
    }


def _file(file: FileOutcome) -> dict[str, Any]:
    return {
        "name": file.name,
        "status": str(file.status),
        **file.because.to_dict(),
        "notes": to_dicts(file.notes),
        "reason": file.reason,
        "suggestion": file.suggestion,
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {"part": fault.part, **fault.because.to_dict(), "message": fault.message}


def files_from_items(items: Iterable[ItemOutcome]) -> Iterable[FileOutcome]:
    """The files that items were refused for (a rejected one, or several for one print), and those not preferred."""
    for item in items:
        for name in item.superseded:
            because = reason("not_preferred", files=list(item.files))
            yield FileOutcome(name=name, status=FileStatus.SUPERSEDED, because=because)
        if item.status is ItemStatus.REJECTED and item.code == "file_rejected":
            details = {name: value for name, value in item.details.items() if name != "file"}
            because = reason("check_rejected", **details)
            yield FileOutcome(name=item.details["file"], status=FileStatus.REJECTED, because=because, notes=item.notes)
        elif item.status is ItemStatus.REJECTED:
            for name in item.files:
                yield FileOutcome(name=name, status=FileStatus.REJECTED, because=item.because, notes=item.notes)
        elif item.status is ItemStatus.CONFLICT:
            for name in item.files:
                yield FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=item.because, notes=item.notes)


def sorted_items(items: Iterable[ItemOutcome]) -> tuple[ItemOutcome, ...]:
    """By order number, order id and item number; digits compare as numbers."""
    return tuple(sorted(items, key=lambda item: (natural(item.order_number), item.order_id, natural(item.item_number))))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which ``9`` comes before ``10``."""
    return tuple(
        (0, len(part.lstrip("0")), part.lstrip("0")) if place % 2 else (1, 0, part)
        for place, part in enumerate(_DIGITS.split(text))
    )


@frozen(kw_only=True)
class Explanation(Explained):
    """Why a file or an order has its status.

    Args:
        subject: The file name or order number that was asked about.
        steps: What was checked and found, from the pattern to the ledger.
        because: The answer, with what to do.
        notes: Further answers, where several orders have this number.
        exit_code: 3 where storage, client or ledger could not be used, else 0.
    """

    subject: str
    steps: tuple[Reason, ...]
    because: Reason
    notes: tuple[Reason, ...] = ()
    exit_code: int = 0

    @property
    def verdict(self) -> str:
        """The answer in English."""
        return self.words()

    def to_dict(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "subject": self.subject,
            "steps": [{**step.to_dict(), "text": step.render()} for step in self.steps],
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "verdict": self.verdict,
            "exit_code": self.exit_code,
        }

    def render(self, catalog: Catalog = ENGLISH) -> str:
        """The steps and the answer in the words of a catalog, one a line."""
        lines = [f"{number}. {step.render(catalog)}" for number, step in enumerate(self.steps, start=1)]
        return "\n".join(map(escape_unprintable, [self.subject, *lines, f"→ {self.words(catalog)}"]))

    def __str__(self) -> str:
        return self.render()
