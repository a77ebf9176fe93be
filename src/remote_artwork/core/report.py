"""An explanation: the whole reasoning about one file or one order, step by step."""

from __future__ import annotations

import enum
import json
import re
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from attrs import asdict, define, field, frozen

from remote_artwork.core.text import escape_unprintable, redact_signatures
from remote_artwork.errors import ConfigurationError

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

    Args:
        severity: ``reject`` keeps the file from going to print.
        code: For machines, for example ``truncated``.
        message: For the merchant: what is wrong and what to do.
        measured: The figure found, with its unit, where there is one.
        required: The figure asked for, with its unit, where there is one.
    """

    severity: Severity
    code: str
    message: str
    measured: str | None = None
    required: str | None = None


SCHEMA_VERSION = 1
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
class ItemOutcome:
    """What became of one pending item, and why.

    Args:
        order_number: The number people know the order by.
        item_number: The number people know the item by.
        status: One of ``ItemStatus``.
        reason: One true reason, in words a merchant can act on.
        order_id: The host's own id of the order.
        files: Names of the files that take part.
        awaited: Names the item waits for, without extension, where files are missing.
        superseded: Names of files that were passed over for others, as the policy says.
        findings: What preflight said, beyond a plain pass.
        receipt: The host's answer to ``fulfill``.
        now: Whether this very pass brought the item here; False for what an earlier pass had done.
    """

    order_number: str
    item_number: str
    status: ItemStatus
    reason: str = field(converter=redact_signatures)
    order_id: str
    files: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    receipt: str | None = None
    now: bool = False


@frozen(kw_only=True)
class FileOutcome:
    """What a file is that did not simply match, why, and the name it should have had."""

    name: str
    status: FileStatus
    reason: str
    suggestion: str | None = None


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


@frozen(kw_only=True)
class Fault:
    """A part of the house that could not be used in this pass: ``storage``, ``client`` or ``ledger``."""

    part: Literal["storage", "client", "ledger"]
    message: str = field(converter=redact_signatures)


class PathLike(Protocol):
    """A path that is no text, such as a ``pathlib.Path``."""

    def __fspath__(self) -> str: ...


class Sheets(Protocol):
    """Draws reports."""

    def write(self, report: ScanReport, path: str | PathLike) -> None:
        """Writes the report's page to a file."""


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
        sheets: Draws it as a page; set by the ``Scanner`` that made it.
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
    sheets: Sheets | None = field(default=None, repr=False, eq=False)

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
            "items": [_plain(item) for item in self.items],
            "file_counts": {
                str(status): self.file_counts[status] for status in FileStatus if status in self.file_counts
            },
            "files": [_plain(file) for file in self.files],
            "faults": [_plain(fault) for fault in self.faults],
            "exit_code": self.exit_code,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """``to_dict`` as JSON text. Half characters, as of names that are no UTF-8, are written as JSON escapes."""
        text = json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode()

    def to_html(self, path: str | PathLike) -> None:
        """Writes a contact sheet: one page that holds all it shows, with a small picture of every artwork.

        The pictures are drawn from the storage's files as they are now, up to 500 of them. Needs the extra ``report``.

        Args:
            path: Where the page is written, in place of whatever is there.

        Raises:
            MissingExtra: A package it needs is not installed.
            ConfigurationError: It cannot be written, or no scanner made this report.
        """
        if self.sheets is None:
            raise ConfigurationError("this report was not made by a Scanner, so nobody can draw its contact sheet")
        self.sheets.write(self, path)


def _plain(value: Any) -> dict[str, Any]:
    return asdict(value, value_serializer=_as_json)


def _as_json(_owner: object, _field: object, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def files_from_items(items: Iterable[ItemOutcome]) -> Iterable[FileOutcome]:
    """The files that items were refused for (a rejected one, or several for one print), and those passed over."""
    for item in items:
        for name in item.superseded:
            reason = f"passed over for {', '.join(item.files)}, as the shop's policy says"
            yield FileOutcome(name=name, status=FileStatus.SUPERSEDED, reason=reason)
        if item.status is ItemStatus.REJECTED:
            blamed = [name for name in item.files if item.reason.startswith(f"{name}: ")] or item.files
            for name in blamed:
                reason = item.reason.removeprefix(f"{name}: ")
                yield FileOutcome(name=name, status=FileStatus.REJECTED, reason=reason)
        elif item.status is ItemStatus.CONFLICT:
            for name in item.files:
                yield FileOutcome(name=name, status=FileStatus.AMBIGUOUS, reason=item.reason)


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
class Explanation:
    """Why a file or an order is where it is.

    Args:
        subject: The file name or order number asked about.
        steps: What was looked at, and what was found, from the pattern to the ledger.
        verdict: The one-sentence answer, with what to do.
        exit_code: 3 where storage, client or ledger could not be used, else 0.
    """

    subject: str
    steps: tuple[str, ...]
    verdict: str
    exit_code: int = 0

    def to_dict(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "subject": self.subject,
            "steps": list(self.steps),
            "verdict": self.verdict,
            "exit_code": self.exit_code,
        }

    def __str__(self) -> str:
        lines = [f"{place}. {step}" for place, step in enumerate(self.steps, start=1)]
        return "\n".join(map(escape_unprintable, [self.subject, *lines, f"→ {self.verdict}"]))
