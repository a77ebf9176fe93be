"""Reads a report from the plain values that ``ScanReport.to_dict`` returned. ``ScanReport.from_dict`` uses it.

The rendered texts are not read: they come from the reasons again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, TypeVar, cast, get_args

from attrs import fields, frozen

from remote_artwork.core.reasons import Reason, reason
from remote_artwork.core.report import (
    SCHEMA_VERSION,
    Coverage,
    Fault,
    FileOutcome,
    FileStatus,
    Finding,
    ItemOutcome,
    ItemStatus,
    Part,
    ScanReport,
    Severity,
    Timings,
    UnknownOrder,
)

T = TypeVar("T")


@frozen
class _Document:
    """One JSON object of a report.

    Args:
        values: Its fields.
        path: Where it is in the report, for messages.
    """

    values: Any
    path: str = "report"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise ValueError(f"{self.path} must be an object, not {self.values!r:.100}")  # noqa: TRY004 - bad content

    def get(self, name: str, *kinds: type[T]) -> T:
        """The value of a field, which has one of these types."""
        if name not in self.values:
            raise ValueError(f"{self.path} has no field {name!r}")
        value = self.values[name]
        if type(value) not in kinds:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"{self.path}.{name} must be {expected}, not {value!r:.100}")
        return cast("T", value)

    def text(self, name: str) -> str:
        return self.get(name, str)

    def text_or_none(self, name: str) -> str | None:
        return self.get(name, str, NoneType)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self.get(name, list)
        if not all(isinstance(value, str) for value in values):
            raise ValueError(f"{self.path}.{name} must contain only texts")
        return tuple(values)

    def texts_by_name(self, name: str) -> dict[str, str]:
        """An object whose values are texts."""
        values = self.get(name, dict)
        if not all(isinstance(value, str) for value in values.values()):
            raise ValueError(f"{self.path}.{name} must contain only texts")
        return values

    def time_or_none(self, name: str) -> datetime | None:
        """A time in ISO 8601, or null."""
        return None if self.text_or_none(name) is None else self.parsed(name, datetime.fromisoformat)

    def counts(self, name: str) -> dict[str, int]:
        """An object whose values are whole numbers."""
        counts = self.get(name, dict)
        if not all(type(count) is int for count in counts.values()):
            raise ValueError(f"{self.path}.{name} must contain only whole numbers")
        return counts

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """A text that ``parse`` accepts."""
        text = self.text(name)
        try:
            return parse(text)
        except ValueError as error:
            raise ValueError(f"{self.path}.{name} is not valid: {error}") from None

    def one_of(self, name: str, *values: T) -> T:
        """A text that is one of these."""
        text = self.text(name)
        for value in values:
            if text == value:
                return value
        raise ValueError(f"{self.path}.{name} must be one of {', '.join(map(str, values))}, not {text!r:.100}")

    def each(self, name: str, read: Callable[[_Document], T]) -> tuple[T, ...]:
        """A list of objects."""
        values = self.get(name, list)
        return tuple(read(_Document(value, f"{self.path}.{name}[{index}]")) for index, value in enumerate(values))

    def because(self) -> Reason:
        """The reason whose fields are ``code`` and ``details``."""
        code, details = self.text("code"), self.get("details", dict)
        try:
            return reason(code, **details)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None


def read_report(document: Mapping[str, Any]) -> ScanReport:
    """The report that ``to_dict`` wrote.

    Raises:
        ValueError: It is not a report, or another version of this library wrote it. The message names the field.
    """
    report = _Document(document)
    version = report.get("schema_version", int)
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"the report has schema_version {version}, and this version of the library reads {SCHEMA_VERSION}"
        )
    return ScanReport(
        dry_run=report.get("dry_run", bool),
        tenant=report.text("tenant"),
        location=report.text("location"),
        started_at=report.parsed("started_at", datetime.fromisoformat),
        finished_at=report.parsed("finished_at", datetime.fromisoformat),
        items=report.each("items", _read_item),
        files=report.each("files", _read_file),
        file_counts=_read_file_counts(report),
        coverage=report.one_of("coverage", *get_args(Coverage)),
        names_seen=report.get("names_seen", int),
        requests=report.counts("requests"),
        strategy=report.texts("strategy"),
        monthly_cost=report.get("monthly_cost", float, int, NoneType),
        faults=report.each("faults", _read_fault),
        orders=None if report.get("orders", list, NoneType) is None else report.texts("orders"),
        unknown_orders=report.each("unknown_orders", _read_unknown_order),
        timings=_read_timings(_Document(report.get("timings", dict), "report.timings")),
    )


def read_problem(document: Mapping[str, Any]) -> ItemOutcome | Fault:
    """The item or the fault that ``to_dict`` wrote.

    Raises:
        ValueError: It is neither, or another version of this library wrote it. The message names the field.
    """
    row = _Document(document, "problem")
    return _read_fault(row) if "part" in row.values else _read_item(row)


def _read_file_counts(report: _Document) -> dict[FileStatus, int]:
    counts = report.counts("file_counts")
    try:
        return {FileStatus(status): count for status, count in counts.items()}
    except ValueError as error:
        raise ValueError(f"{report.path}.file_counts is not valid: {error}") from None


def _read_item(row: _Document) -> ItemOutcome:
    return ItemOutcome(
        order_number=row.text("order_number"),
        item_number=row.text("item_number"),
        status=row.parsed("status", ItemStatus),
        because=row.because(),
        order_id=row.text("order_id"),
        item_id=row.text("item_id"),
        position=row.get("position", int, NoneType),
        title=row.text_or_none("title"),
        sku=row.text_or_none("sku"),
        notes=row.each("notes", _Document.because),
        files=row.texts("files"),
        expected=row.texts("expected"),
        superseded=row.texts("superseded"),
        placements=row.texts_by_name("placements"),
        ordered_at=row.time_or_none("ordered_at"),
        findings=row.each("findings", _read_finding),
        receipt=row.text_or_none("receipt"),
        now=row.get("now", bool),
    )


def _read_finding(row: _Document) -> Finding:
    values: dict[str, Any] = {
        "severity": row.parsed("severity", Severity),
        "code": row.text("code"),
        "details": row.get("details", dict),
        "notes": row.each("notes", _Document.because),
        "measured": row.text_or_none("measured"),
        "required": row.text_or_none("required"),
    }
    message = row.text("message")
    try:
        finding = Finding(**values)
    except ValueError:  # a check of the shop's own, with a code and a message of its own
        return Finding(**values, message=message)
    return finding if finding.message == message else Finding(**values, message=message)


def _read_file(row: _Document) -> FileOutcome:
    return FileOutcome(
        name=row.text("name"),
        status=row.parsed("status", FileStatus),
        because=row.because(),
        suggestion=row.text_or_none("suggestion"),
        notes=row.each("notes", _Document.because),
    )


def _read_unknown_order(row: _Document) -> UnknownOrder:
    return UnknownOrder(
        order_number=row.text("order_number"),
        because=row.because(),
        suggestion=row.text_or_none("suggestion"),
        notes=row.each("notes", _Document.because),
    )


def _read_fault(row: _Document) -> Fault:
    return Fault(
        part=row.one_of("part", *get_args(Part)), because=row.because(), notes=row.each("notes", _Document.because)
    )


def _read_timings(row: _Document) -> Timings:
    known = {attribute.name for attribute in fields(Timings)} - {"orders_at_once"}
    if unknown := row.values.keys() - known - {"orders_at_once", "bound_by"}:
        raise ValueError(f"{row.path} has the unknown field {min(unknown)!r}")
    seconds = {name: float(row.get(name, float, int)) for name in known}
    return Timings(**seconds, orders_at_once=row.get("orders_at_once", int))
