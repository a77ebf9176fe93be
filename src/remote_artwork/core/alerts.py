"""The rules of alerts: which problems of a report a person learns of now, and what is kept until the next report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from attrs import evolve, field, frozen

from remote_artwork.core.report import Fault, ItemOutcome, ItemStatus, ScanReport, UnknownOrder
from remote_artwork.core.report_history import Key, Problem, problem_key
from remote_artwork.core.settings import duration, is_duration, require, setting
from remote_artwork.core.text import counted, escape_unprintable

# --- Policy ---

REMIND_AFTER: tuple[timedelta, ...] = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))

_DURATIONS = "a list of timedelta of zero or more"


def _as_tuple(values: Iterable[timedelta]) -> tuple[timedelta, ...]:
    require("AlertPolicy.remind_after", values, lambda given: isinstance(given, Iterable), _DURATIONS)
    return tuple(values)


def _are_durations(values: object) -> bool:
    return isinstance(values, tuple) and all(map(is_duration, values))


@frozen(kw_only=True)
class AlertPolicy:
    """When a person learns of a problem. Every problem is reported once, at the first scan that has it.

    Args:
        remind_after: The ages at which a problem that is still open is reported again.
        resolved_after: How long a fault, or an item that is ``unreadable`` or ``failed``, must be absent before it is
            reported as resolved. These come and go: one that returns earlier, or an item that has another reason, is
            not reported again. Other problems are reported as resolved at once.
        min_interval: The shortest time between two messages of a merchant. With a day, there is one message a day.

    Raises:
        ConfigurationError: A value is not a duration, or is negative.
    """

    remind_after: tuple[timedelta, ...] = field(
        default=REMIND_AFTER,
        converter=_as_tuple,
        validator=setting(_are_durations, _DURATIONS),
    )
    resolved_after: timedelta = field(default=timedelta(hours=3), validator=duration)
    min_interval: timedelta = field(default=timedelta(0), validator=duration)

    def is_reminder_due(self, problem: TrackedProblem, now: datetime) -> bool:
        """Whether a problem has reached an age since it was reported last."""
        if problem.alerted_at is None:
            return False
        return any(problem.alerted_at < problem.since + age <= now for age in self.remind_after)

    def is_resolution_due(self, problem: TrackedProblem, now: datetime) -> bool:
        """Whether a problem that was reported has been absent for long enough."""
        if problem.alerted_at is None or problem.gone_since is None:
            return False
        return not problem.comes_and_goes or now - problem.gone_since >= self.resolved_after


# --- State ---

_OLDEST_REPORT = timedelta(days=1)
"""A report that is older than this, compared with the last one, is not late: the clock of the last one was wrong."""

_COME_AND_GO = frozenset({ItemStatus.FAILED, ItemStatus.UNREADABLE})


@frozen(kw_only=True)
class TrackedProblem:
    """A problem with its history.

    Args:
        problem: An item that needs a person, without its findings, or a fault; as the last report had it.
        since: When the first scan with this problem started.
        alerted_at: When it was reported last; None if it was never reported.
        gone_since: When the first scan without it started; None while it is open.
    """

    problem: ItemOutcome | Fault
    since: datetime
    alerted_at: datetime | None = None
    gone_since: datetime | None = None

    @property
    def comes_and_goes(self) -> bool:
        """Whether it may be temporary: a fault, or an item that is ``unreadable`` or ``failed``."""
        return isinstance(self.problem, Fault) or self.problem.status in _COME_AND_GO

    def open_for(self, now: datetime) -> timedelta:
        """How long it has been open, or was open until it was resolved."""
        return max(timedelta(0), (self.gone_since or now) - self.since)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only. ``problem`` is as in ``ScanReport.to_dict``; a fault has a field ``part``."""
        return {
            "problem": self.problem.to_dict(),
            "since": _text_of(self.since),
            "alerted_at": _text_of(self.alerted_at),
            "gone_since": _text_of(self.gone_since),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TrackedProblem:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError, LookupError, TypeError: It is something else.
        """
        from remote_artwork.core.report_reading import read_problem

        return cls(
            problem=read_problem(document["problem"]),
            since=datetime.fromisoformat(document["since"]),
            alerted_at=_time_of(document["alerted_at"]),
            gone_since=_time_of(document["gone_since"]),
        )


def _text_of(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def _time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@frozen(kw_only=True)
class AlertState:
    """What is kept about the alerts of a merchant, from one scan to the next.

    Args:
        scanned_at: When the last scan that was compared started; None before the first.
        alerted_at: When the last message was delivered; None before the first.
        problems: The problems that are open, and those that are resolved but not reported as resolved yet.
    """

    scanned_at: datetime | None = None
    alerted_at: datetime | None = None
    problems: tuple[TrackedProblem, ...] = ()

    def to_json(self) -> str:
        """The state as text."""
        document = {
            "scanned_at": _text_of(self.scanned_at),
            "alerted_at": _text_of(self.alerted_at),
            "problems": [problem.to_dict() for problem in self.problems],
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> AlertState:
        """Read what ``to_json`` returned.

        Raises:
            ValueError: It is something else, or another version of this library wrote it.
        """
        try:
            document = json.loads(text)
            return cls(
                scanned_at=_time_of(document["scanned_at"]),
                alerted_at=_time_of(document["alerted_at"]),
                problems=tuple(TrackedProblem.from_dict(problem) for problem in document["problems"]),
            )
        except (LookupError, TypeError) as error:
            raise ValueError(f"the state of alerts cannot be read: {type(error).__name__}: {error}") from None


@frozen(kw_only=True)
class AlertRecord:
    """The stored state of the alerts of one merchant's location.

    Args:
        tenant: The tenant.
        location: The canonical URL of the storage location.
        state: The text of ``AlertState.to_json``; empty if nothing was stored.
        version: Increases with every write; 0 if nothing was stored.
        is_claimed: Whether a worker is sending a message at this moment.
    """

    tenant: str
    location: str
    state: str = ""
    version: int = 0
    is_claimed: bool = False


# --- Digest ---


@frozen(kw_only=True)
class Digest:
    """What changed for one merchant since the last message.

    Args:
        tenant: The tenant whose orders were scanned.
        location: The canonical URL of the storage location, without secrets.
        scanned_at: When the scan started.
        new: Problems that were not reported before.
        reminders: Problems that are still open and have reached the next age of the policy.
        resolved: Problems that were reported and no longer exist.
        still_open: The other problems that are open. All were reported before.
    """

    tenant: str
    location: str
    scanned_at: datetime
    new: tuple[TrackedProblem, ...] = ()
    reminders: tuple[TrackedProblem, ...] = ()
    resolved: tuple[TrackedProblem, ...] = ()
    still_open: tuple[TrackedProblem, ...] = ()

    @property
    def title(self) -> str:
        """The merchant and the counts, in one line: ``acme: 2 new problems, 1 reminder, 3 resolved``."""
        counts = [
            counted(len(self.new), "new problem") if self.new else "",
            counted(len(self.reminders), "reminder") if self.reminders else "",
            f"{len(self.resolved):,} resolved" if self.resolved else "",
        ]
        return f"{escape_unprintable(self.tenant)}: {', '.join(filter(None, counts)) or 'nothing new'}"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to report: no new problem, no reminder, and nothing resolved."""
        return not (self.new or self.reminders or self.resolved)

    def to_dict(self) -> dict[str, Any]:
        """The digest as plain JSON values. ``open_for`` is in seconds."""
        parts = {name: getattr(self, name) for name in ("new", "reminders", "resolved", "still_open")}
        return {
            "tenant": self.tenant,
            "location": self.location,
            "scanned_at": _text_of(self.scanned_at),
            **{name: [self._with_age(problem) for problem in problems] for name, problems in parts.items()},
        }

    def _with_age(self, problem: TrackedProblem) -> dict[str, Any]:
        return {**problem.to_dict(), "open_for": problem.open_for(self.scanned_at).total_seconds()}

    def to_text(self, *, most: int = 20) -> str:
        """The digest as text for people: a title, and one line for each problem.

        Args:
            most: The largest number of problems in each section. The others are counted.
        """
        text: str = import_module("remote_artwork.reporting.digest").digest_text(self, most=most)
        return text

    def to_html(self, *, most: int = 20) -> str:
        """The digest as an HTML page for mail: without scripts, pictures and style sheets. Needs the extra ``report``.

        Args:
            most: The largest number of problems in each section. The others are counted.

        Raises:
            MissingExtra: Jinja2 is not installed.
        """
        page: str = import_module("remote_artwork.reporting.digest").digest_html(self, most=most)
        return page


# --- Rules ---


def compare_with_state(state: AlertState, report: ScanReport, policy: AlertPolicy) -> tuple[Digest, AlertState] | None:
    """Compare the report of a scan with what was kept.

    Numbers in ``unknown_orders`` are not reported: they are in the report of the scan that asked for them.

    If the clock of an earlier scan was more than a day ahead, nothing that was kept is used. The problems that are open
    are then reported once more.

    Returns:
        What to report now, and the state as long as that was not delivered. None if a later scan was compared before.

    Raises:
        ValueError: The report is of a dry run, which checks no files.
    """
    if report.dry_run:
        raise ValueError("the report is of a dry run, which cannot say what is resolved; give the report of a scan")
    now = report.started_at
    if state.scanned_at is not None and now < state.scanned_at:
        if state.scanned_at - now <= _OLDEST_REPORT:
            return None
        state = AlertState()
    problems, seen = _track(state, report)
    after = evolve(state, scanned_at=now, problems=tuple(problems.values()))
    digest = Digest(tenant=report.tenant, location=report.location, scanned_at=now)
    still_open = {key: problem for key, problem in problems.items() if problem.gone_since is None}
    if state.alerted_at is not None and now - state.alerted_at < policy.min_interval:
        return evolve(digest, still_open=tuple(still_open.values())), after
    new = _pop(still_open, (key for key, problem in still_open.items() if problem.alerted_at is None))
    reminders = _pop(still_open, (key for key in seen if policy.is_reminder_due(problems[key], now)))
    resolved = tuple(problem for problem in problems.values() if policy.is_resolution_due(problem, now))
    others = tuple(still_open.values())
    return evolve(digest, new=new, reminders=reminders, resolved=resolved, still_open=others), after


def _track(state: AlertState, report: ScanReport) -> tuple[dict[Key, TrackedProblem], list[Key]]:
    """The problems with their history after a report, and the keys of those that it has and the state had."""
    known = {problem_key(tracked.problem): tracked for tracked in state.problems}
    now = report.started_at
    earlier = ScanReport(
        dry_run=False,
        tenant=report.tenant,
        location=report.location,
        started_at=state.scanned_at or now,
        finished_at=state.scanned_at or now,
        items=tuple(each.problem for each in state.problems if isinstance(each.problem, ItemOutcome)),
        faults=tuple(each.problem for each in state.problems if isinstance(each.problem, Fault)),
    )
    changes = report.changes_since(earlier)
    still_open, new = _by_key(changes.still_open), {}
    for key, problem in _by_key(changes.new).items():
        first = TrackedProblem(problem=problem, since=now)
        # The reason of a temporary problem differs from scan to scan, for example while a shop answers now and then.
        if key in known and known[key].comes_and_goes and first.comes_and_goes:
            still_open[key] = problem
        else:
            new[key] = first
    problems = {
        **{key: known[key] for key in _by_key(changes.unknown)},
        **{key: evolve(known[key], problem=problem, gone_since=None) for key, problem in still_open.items()},
        **new,
    }
    for key in _by_key(changes.resolved):
        if known[key].alerted_at is not None:
            problems[key] = evolve(known[key], gone_since=known[key].gone_since or now)
    return problems, list(still_open)


def _by_key(problems: Iterable[Problem]) -> dict[Key, ItemOutcome | Fault]:
    """The items and faults among the problems. An item is without its findings, which can be large."""
    return {
        problem_key(each): evolve(each, findings=()) if isinstance(each, ItemOutcome) else each
        for each in problems
        if not isinstance(each, UnknownOrder)
    }


def _pop(problems: dict[Key, TrackedProblem], keys: Iterable[Key]) -> tuple[TrackedProblem, ...]:
    return tuple([problems.pop(key) for key in list(keys)])


def after_delivery(state: AlertState, digest: Digest) -> AlertState:
    """The state once a message with this digest was delivered. ``state`` is what ``compare_with_state`` returned."""
    reported = {problem_key(each.problem) for each in (*digest.new, *digest.reminders)}
    resolved = {problem_key(each.problem) for each in digest.resolved}
    return evolve(
        state,
        alerted_at=digest.scanned_at,
        problems=tuple(
            evolve(each, alerted_at=digest.scanned_at) if problem_key(each.problem) in reported else each
            for each in state.problems
            if problem_key(each.problem) not in resolved
        ),
    )
