"""Several reports of one location: a report with the outcomes of a later one, and what changed between two reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from remote_artwork.core.report import (
    LEFT_FOR_LATER,
    NEEDS_NOBODY,
    Fault,
    FileOutcome,
    FileStatus,
    FileTally,
    ItemOutcome,
    ScanReport,
    UnknownOrder,
    sorted_items,
)

Problem = ItemOutcome | Fault | UnknownOrder
"""What needs attention: an item that needs a person, a part that could not be used, or an unknown order number."""


@frozen(kw_only=True)
class ReportChanges:
    """What changed between two reports of one location.

    A problem is an item that needs a person, a fault, or an unknown order number.

    Args:
        new: Problems of the later report that the earlier one did not have, or had for another reason.
        resolved: Problems of the earlier report that no longer exist: the item needs no person now, or its order is no
            longer pending.
        still_open: Problems of both reports, with the same code, as the later report has them.
        unknown: Problems of the earlier report that the later scan did not look at. It was limited to other orders, it
            was stopped before them, or a part could not be used.
    """

    new: tuple[Problem, ...] = ()
    resolved: tuple[Problem, ...] = ()
    still_open: tuple[Problem, ...] = ()
    unknown: tuple[Problem, ...] = ()

    def by_code(self) -> dict[str, dict[str, int]]:
        """How many problems have each code, under ``new``, ``resolved``, ``still_open`` and ``unknown``."""
        return {name: dict(Counter(problem.code for problem in problems)) for name, problems in self._parts()}

    def to_dict(self) -> dict[str, Any]:
        """The changes as plain JSON values: items and faults as in ``ScanReport.to_dict``."""
        return {name: [problem.to_dict() for problem in problems] for name, problems in self._parts()}

    def _parts(self) -> Iterable[tuple[str, tuple[Problem, ...]]]:
        return (
            ("new", self.new),
            ("resolved", self.resolved),
            ("still_open", self.still_open),
            ("unknown", self.unknown),
        )


def compare(earlier: ScanReport, later: ScanReport) -> ReportChanges:
    """Which problems are new, resolved, still open, or not known.

    Raises:
        ValueError: The reports are of two tenants or locations, or in the wrong order.
    """
    _check_order(earlier, later)
    before, after = _problems(earlier), _problems(later)
    gone = [(key, problem) for key, problem in before.items() if key not in after]
    outcomes = {problem_key(item): item for item in later.items}
    resolved = {key for key, problem in gone if _is_resolved(later, problem, outcomes)}
    return ReportChanges(
        new=tuple(problem for key, problem in after.items() if key not in before or before[key].code != problem.code),
        resolved=tuple(problem for key, problem in gone if key in resolved),
        still_open=tuple(
            problem for key, problem in after.items() if key in before and before[key].code == problem.code
        ),
        unknown=tuple(problem for key, problem in gone if key not in resolved),
    )


def merge(earlier: ScanReport, later: ScanReport) -> ScanReport:
    """The later report, with the outcomes of the earlier one for orders and files that the later scan did not look at.

    Raises:
        ValueError: The reports are of two tenants or locations, or in the wrong order.
    """
    _check_order(earlier, later)
    newer = {problem_key(item) for item in later.items}
    kept = [item for item in earlier.items if problem_key(item) not in newer and not _covers(later, item)]
    files, file_counts = _merge_files(earlier, later)
    return evolve(
        later,
        dry_run=earlier.dry_run and later.dry_run,
        started_at=earlier.started_at,
        items=sorted_items([*kept, *later.items]),
        files=files,
        file_counts=file_counts,
        coverage="full" if "full" in (earlier.coverage, later.coverage) else "partial",
        names_seen=max(earlier.names_seen, later.names_seen),
        requests=dict(Counter(earlier.requests) + Counter(later.requests)),
        strategy=tuple(dict.fromkeys([*earlier.strategy, *later.strategy])),
        orders=None
        if earlier.orders is None or later.orders is None
        else tuple(sorted({*earlier.orders, *later.orders})),
        unknown_orders=_merge_unknown_orders(earlier, later),
    )


def _merge_unknown_orders(earlier: ScanReport, later: ScanReport) -> tuple[UnknownOrder, ...]:
    """The unknown numbers. Those of the earlier scan are kept if the later one was limited to other orders."""
    if later.orders is None:
        return ()
    kept = [order for order in earlier.unknown_orders if order.order_number not in later.orders]
    return tuple(sorted([*kept, *later.unknown_orders], key=lambda order: order.order_number))


def _check_order(earlier: ScanReport, later: ScanReport) -> None:
    for report in (earlier, later):
        if not isinstance(report, ScanReport):
            raise TypeError(
                f"a report must be a ScanReport, not {type(report).__name__}; ScanReport.from_dict reads one"
            )
    for name in ("tenant", "location"):
        before, after = getattr(earlier, name), getattr(later, name)
        if before != after:
            raise ValueError(f"the reports are of two {name}s, {before!r} and {after!r}; compare reports of one")
    if later.started_at < earlier.started_at:
        raise ValueError(
            f"the report of {later.started_at:%Y-%m-%d %H:%M:%S} was given as later than the one of "
            f"{earlier.started_at:%Y-%m-%d %H:%M:%S}; exchange them"
        )


Key = tuple[str, ...]


def problem_key(problem: Problem) -> Key:
    """What identifies an item or a fault in several reports."""
    if isinstance(problem, Fault):
        return ("fault", problem.part, problem.code)
    if isinstance(problem, UnknownOrder):
        return ("unknown order", problem.order_number)
    return ("item", problem.order_id, problem.item_number)


def _problems(report: ScanReport) -> dict[Key, Problem]:
    items = [item for item in report.items if item.needs_person]
    problems: list[Problem] = [*report.faults, *report.unknown_orders, *items]
    return {problem_key(problem): problem for problem in problems}


def _is_resolved(later: ScanReport, problem: Problem, outcomes: Mapping[Key, ItemOutcome]) -> bool:
    """Whether a problem that the later report does not have was looked at again, so that it no longer exists.

    Args:
        later: The later report.
        problem: A problem of the earlier report.
        outcomes: The items of the later report.
    """
    if outcome := outcomes.get(problem_key(problem)):
        return outcome.code not in NEEDS_NOBODY | LEFT_FOR_LATER
    if isinstance(problem, Fault) and any(problem.part == fault.part for fault in later.faults):
        return False  # the part cannot be used for another reason now
    if isinstance(problem, ItemOutcome) and ("item", problem.order_id, "") in outcomes:
        return False  # the order has no readable items now
    return _covers(later, problem)


def _covers(later: ScanReport, problem: Problem) -> bool:
    """Whether the later scan would have reported the problem, or the item, if it still existed."""
    all_orders_read = not any(fault.part == "client" for fault in later.faults)
    if isinstance(problem, Fault):
        # Without a pending order, the storage is not read. After a fault of the client, the ledger may not be read.
        files_read = bool(later.strategy)
        return {"storage": files_read, "manifest": files_read, "ledger": all_orders_read}.get(problem.part, True)
    return all_orders_read and (later.orders is None or problem.order_number in later.orders)


def _merge_files(earlier: ScanReport, later: ScanReport) -> tuple[tuple[FileOutcome, ...], Mapping[FileStatus, int]]:
    """The unmatched files and their number. The earlier scan's are kept unless the later one saw the file, or all."""
    if later.coverage == "full":
        return later.files, later.file_counts
    judged_again = {file.name for file in later.files}.union(*(item.files for item in later.items))
    kept = [file for file in earlier.files if file.name not in judged_again]
    counts = Counter(earlier.file_counts) + Counter(later.file_counts)
    counts.subtract(file.status for file in earlier.files if file.name in judged_again)
    merged = FileTally()
    for file in (*kept, *later.files):
        merged.add(file)
    return merged.examples(), {status: counts[status] for status in FileStatus if counts[status]}
