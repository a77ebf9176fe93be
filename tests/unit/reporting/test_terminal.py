from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from reasons import because
from remote_artwork.core.report import Fault, FileOutcome, FileStatus, ItemOutcome, ItemStatus, ScanReport
from remote_artwork.reporting.terminal import print_report

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def printed(**parts):
    report = ScanReport(
        dry_run=True,
        tenant="acme",
        location="s3://prints/in/",
        started_at=NOW,
        finished_at=NOW,
        **{"items": (), **parts},
    )
    output = io.StringIO()
    print_report(report, Console(file=output, width=400))
    return output.getvalue()


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ((), "was not looked at; --sweep"),
        (("skip-scan",), "Only the part of the folder was seen where awaited files would be; --sweep"),
        (("listing", "prefixes"), "Only the part of the folder was seen"),
        (("probing",), "Only awaited names were asked for"),
    ],
)
def test_a_partial_scan_says_which_part_it_saw(strategy, said):
    assert said in printed(strategy=strategy, coverage="partial")
    assert said not in printed(strategy=strategy, coverage="full")


def test_the_way_through_the_storage_is_told_unless_it_is_a_plain_listing():
    assert "files seen by skip-scan;" in printed(strategy=("skip-scan",))
    assert "files seen by listing and prefixes;" in printed(strategy=("listing", "prefixes"))
    assert "files seen; requests" in printed(strategy=("listing",), coverage="full")


def test_a_plan_says_what_it_costs_where_that_is_known():
    assert "cost about 3.65 US dollars a month" in printed(monthly_cost=3.65)
    assert "dollars" not in printed()


def test_no_name_turns_the_order_of_what_is_printed_or_hides():
    name = "1001_1\u202egnp.\x1b[8m\u200bx"
    file = FileOutcome(name=name, status=FileStatus.UNRELATED, because=because(f"{name} is odd"))
    item = ItemOutcome(
        order_number=name, item_number=name, status=ItemStatus.MISSING, because=because(name), order_id=name
    )
    fault = Fault.of("storage", name)
    told = printed(items=(item,), files=(file,), file_counts={FileStatus.UNRELATED: 1}, faults=(fault,))
    assert not {"\u202e", "\x1b", "\u200b"} & set(told)
    assert told.count(r"\u202egnp.\x1b[8m\u200bx") == 6
