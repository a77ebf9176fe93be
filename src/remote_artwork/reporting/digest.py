"""A digest as text and as an HTML page for mail. ``Digest.to_text`` and ``Digest.to_html`` use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from remote_artwork.core.alerts import Digest, TrackedProblem
from remote_artwork.core.reasons import format_duration
from remote_artwork.core.report import Fault, ItemOutcome, Part
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.errors import MissingExtra

MAX_REASON = 400
"""Characters of a reason in a line. The report contains all of it."""

_PARTS: Mapping[Part, str] = {"storage": "storage", "client": "shop", "ledger": "ledger"}


@frozen(kw_only=True)
class Line:
    """One problem.

    Args:
        subject: What has the problem: an order with its item, or a part.
        status: The status, with its age unless it is new. It follows the subject.
        reason: What happened and what to do; empty for a problem that is resolved.
    """

    subject: str
    status: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.subject}{self.status}" + (f": {self.reason}" if self.reason else "")


@frozen(kw_only=True)
class Section:
    """Problems with the same news.

    Args:
        heading: The news.
        lines: The first problems.
        omitted: How many more there are, in words; empty if there are none.
    """

    heading: str
    lines: Sequence[Line]
    omitted: str


def digest_sections(digest: Digest, *, most: int) -> list[Section]:
    """The sections that are not empty, each with at most so many problems."""

    def section(
        heading: str, problems: Sequence[TrackedProblem], line: Callable[[TrackedProblem, str], Line]
    ) -> Section:
        lines = [line(each, format_duration(each.open_for(digest.scanned_at).total_seconds())) for each in problems]
        more = len(problems) - most
        return Section(
            heading=heading, lines=lines[:most], omitted=f"and {counted(more, 'other problem')}" if more > 0 else ""
        )

    sections = (
        section("New", digest.new, _new_line),
        section("Still open", digest.reminders, _reminder_line),
        section("Resolved", digest.resolved, _resolved_line),
    )
    return [each for each in sections if each.lines]


def others_open(digest: Digest) -> str:
    """One sentence about the problems that have no line; empty if there are none."""
    if not digest.still_open:
        return ""
    count = len(digest.still_open)
    oldest = max(each.open_for(digest.scanned_at) for each in digest.still_open).total_seconds()
    if count == 1:
        return f"1 other problem is still open, for {format_duration(oldest)}."
    return f"{count:,} other problems are still open, the oldest for {format_duration(oldest)}."


def digest_text(digest: Digest, *, most: int) -> str:
    """See ``Digest.to_text``."""
    lines = [digest.title, f"{escape_unprintable(digest.location)}, scanned {digest.scanned_at:%Y-%m-%d %H:%M %Z}"]
    for section in digest_sections(digest, most=most):
        lines += ["", section.heading, *(f"- {line}" for line in section.lines)]
        lines += [f"- {section.omitted}"] if section.omitted else []
    if others := others_open(digest):
        lines += ["", others]
    return "\n".join(lines)


def digest_html(digest: Digest, *, most: int) -> str:
    """See ``Digest.to_html``.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("an alert as HTML needs Jinja2: pip install 'remote_artwork[report]'") from error
    environment = Environment(
        loader=PackageLoader("remote_artwork.reporting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("digest.html.jinja").render(
        digest=digest,
        location=escape_unprintable(digest.location),
        sections=digest_sections(digest, most=most),
        others=others_open(digest),
    )
    return text.encode("utf-8", "backslashreplace").decode()


def _new_line(tracked: TrackedProblem, _age: str) -> Line:
    return _line(tracked, "")


def _reminder_line(tracked: TrackedProblem, age: str) -> Line:
    return _line(tracked, f" for {age}")


def _line(tracked: TrackedProblem, age: str) -> Line:
    problem = tracked.problem
    status = " could not be used" if isinstance(problem, Fault) else f" — {_words(problem)}"
    reason = escape_unprintable(problem.reason)
    shown = reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
    return Line(subject=_subject(tracked), status=f"{status}{age}", reason=shown)


def _resolved_line(tracked: TrackedProblem, age: str) -> Line:
    problem = tracked.problem
    if isinstance(problem, Fault):
        return Line(subject=_subject(tracked), status=f" works again, after {age}")
    return Line(subject=_subject(tracked), status=f" — no longer {_words(problem)}, after {age}")


def _words(item: ItemOutcome) -> str:
    """The status in words: ``awaiting_review`` is ``awaiting review``."""
    return item.status.replace("_", " ")


def _subject(tracked: TrackedProblem) -> str:
    problem = tracked.problem
    if isinstance(problem, Fault):
        return f"The {_PARTS[problem.part]}"
    item = f", item {problem.label}" if problem.item_number else ""
    return escape_unprintable(f"Order {problem.order_number}{item}")
