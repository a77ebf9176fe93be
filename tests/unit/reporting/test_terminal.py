from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from reasons import because
from remote_artwork.core.report import Fault, FileOutcome, FileStatus, ItemOutcome, ItemStatus, ScanReport
from remote_artwork.reporting.terminal import print_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report_with(**parts):
    return ScanReport(
        dry_run=True,
        tenant="acme",
        location="s3://prints/in/",
        started_at=NOW,
        finished_at=NOW,
        **{"items": (), **parts},
    )


def printed(**parts):
    output = io.StringIO()
    print_report(report_with(**parts), Console(file=output, width=400))
    return output.getvalue()


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ((), "was not listed. --sweep"),
        (("skip-scan",), "Only the parts of the folder with expected names were listed. --sweep"),
        (("listing", "prefixes"), "Only the parts of the folder"),
        (("probing",), "Only expected names were requested"),
    ],
)
def test_a_partial_scan_says_what_it_read(strategy, sentence):
    assert sentence in printed(strategy=strategy, coverage="partial")
    assert sentence not in printed(strategy=strategy, coverage="full")


def test_the_search_strategy_is_shown_unless_it_is_a_plain_listing():
    assert "files seen by skip-scan;" in printed(strategy=("skip-scan",))
    assert "files seen by listing and prefixes;" in printed(strategy=("listing", "prefixes"))
    assert "files seen; requests" in printed(strategy=("listing",), coverage="full")


def test_the_monthly_cost_is_shown_if_it_is_known():
    assert "costs about 3.65 US dollars per month" in printed(monthly_cost=3.65)
    assert "dollars" not in printed()


def test_control_characters_in_names_are_escaped():
    name = "1001_1\u202egnp.\x1b[8m\u200bx"
    file = FileOutcome(name=name, status=FileStatus.UNRELATED, because=because(f"{name} is odd"))
    item = ItemOutcome(
        order_number=name, item_number=name, status=ItemStatus.MISSING, because=because(name), order_id=name
    )
    fault = Fault.of("storage", name)
    text = printed(items=(item,), files=(file,), file_counts={FileStatus.UNRELATED: 1}, faults=(fault,))
    assert not {"\u202e", "\x1b", "\u200b"} & set(text)
    assert text.count(r"\u202egnp.\x1b[8m\u200bx") == 6


def waiting(order, item="1", status=ItemStatus.MISSING, why="waits"):
    return ItemOutcome(order_number=order, item_number=item, status=status, because=because(why), order_id=order)


def table_of(text):
    """The rows of the first table: the cells that two or more spaces separate."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("Order"))
    end = next(index for index in range(start, len(lines)) if not lines[index].strip())
    return [re.split(r"\s{2,}", line.strip()) for line in lines[start + 1 : end]]


def test_what_needs_a_person_comes_first():
    items = (waiting("1"), waiting("2", status=ItemStatus.REJECTED, why="broken"), waiting("3", why="other"))
    assert [row[0] for row in table_of(printed(items=items))] == ["2", "1", "3"]


def test_items_with_the_same_reason_share_one_row():
    conflict = [waiting("7", item, ItemStatus.CONFLICT, "one number twice") for item in ("1", "2")]
    down = [waiting(str(order), status=ItemStatus.UNREADABLE, why="no route") for order in range(100, 112)]
    assert table_of(printed(items=(*conflict, *down))) == [
        ["7", "1, 2", "conflict", "one number twice"],
        ["100, 101, 102 and 9 more", "12 items", "unreadable", "no route"],
    ]


@pytest.mark.parametrize("width", [60, 100, 200])
def test_a_long_list_ends_with_how_to_see_all_of_it(width):
    items = tuple(waiting(str(1000 + index), why=f"waits for {1000 + index}_1") for index in range(300))
    report = report_with(items=items)
    output = io.StringIO()
    print_report(report, Console(file=output, width=width))
    text = " ".join(output.getvalue().split())
    assert "260 more: missing." in text
    assert "--report FILE.html" in text
    assert all(len(line) <= width for line in output.getvalue().splitlines())


def test_files_with_the_same_reason_share_one_row():
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    files = tuple(FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=because("two")) for name in names)
    text = printed(files=files, file_counts={FileStatus.AMBIGUOUS: 7})
    assert "a.png, b.png, c.png and 2 more  ambiguous  two" in text
    assert "… and 2 more: ambiguous." in text
