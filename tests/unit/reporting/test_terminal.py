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
