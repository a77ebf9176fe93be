from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from attrs import evolve
from rich.console import Console

from reasons import because
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Fault, FileOutcome, FileStatus, ItemOutcome, ItemStatus, ScanReport
from remote_artwork.errors import LocationNotFound
from remote_artwork.reporting.terminal import MAX_ROWS, print_report

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
    assert "they cost about 3.65 US dollars per month" in printed(monthly_cost=3.65)
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


@pytest.mark.parametrize("ledger", ["", "--orders-file=orders.csv"])
@pytest.mark.parametrize(("orders", "further"), [(2, []), (MAX_ROWS + 2, ["2 commands more: --json shows all."])])
def test_the_command_that_accepts_files_is_one_line_at_the_end(orders, further, ledger):
    digest = "0123456789abcdef" * 4
    items = [
        ItemOutcome(
            order_number=str(order),
            item_number=number,
            order_id=str(order),
            status=ItemStatus.AWAITING_REVIEW,
            because=reason("awaiting_review", digest=digest),
            notes=(reason("accept", command=f"remote-artwork accept {order} --by=NAME --files={digest}"),),
        )
        for order in range(orders)
        for number in ("1", "2")
    ]
    output = io.StringIO()
    print_report(report_with(items=tuple(items)), Console(file=output, width=60), ledger=ledger)
    lines = output.getvalue().splitlines()
    commands = [line for line in lines if line.startswith("remote-artwork accept")]
    assert commands[0] == f"remote-artwork accept {ledger} 0 --by=NAME --files={digest}".replace("  ", " ")
    assert ("and the --ledger of your scans:" in output.getvalue()) == (not ledger)
    assert [line.strip() for line in lines if "commands more" in line] == further
    assert len(commands) == (orders if not further else MAX_ROWS)


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


def test_a_fault_is_one_line_with_its_cure_and_the_number_of_items_that_wait():
    because = reason("storage_not_read", error="the server is down; try again later")
    down = tuple(
        evolve(waiting(str(order), status=ItemStatus.UNREADABLE), because=because) for order in range(100, 112)
    )
    fault = Fault.of("storage", "the server is down; try again later")
    text = printed(items=(*down, waiting("200")), faults=(fault,))
    assert text.count("the server is down") == 1
    assert text.index("The storage could not be used: the server is down; try again later") < text.index("Order")
    assert "Not processed because of this: 12 items of 12 orders." in text
    assert "The next scan tries again." in text
    assert table_of(text) == [["200", "1", "missing", "waits"]]
    alone = printed(items=down[:1], faults=(fault,))
    assert "Not processed because of this: 1 item of 1 order." in alone
    assert "Outcome" not in alone
    assert "Not processed" not in printed(faults=(fault,))
    assert "No order was processed." in printed(faults=(fault,))


@pytest.mark.parametrize(
    ("fault", "title", "tries_again"),
    [
        (Fault.of("client", "HTTP 503"), "The shop could not be used: HTTP 503", True),
        (
            Fault.of("storage", LocationNotFound("no bucket; check it")),
            "The storage could not be used: no bucket",
            False,
        ),
        (
            Fault(part="manifest", because=reason("manifest_cells", manifest="a.csv", line=2, cells=1, columns=4)),
            "The manifest could not be used: line 2",
            False,
        ),
    ],
)
def test_a_fault_says_what_could_not_be_used_and_whether_the_next_scan_tries_again(fault, title, tries_again):
    text = printed(faults=(fault,))
    assert title in text
    assert ("The next scan tries again." in text) == tries_again
    assert ("Correct the manifest; the next scan reads it again." in text) == (fault.part == "manifest")
    assert "nothing to do" not in text


def test_a_report_of_some_orders_says_that_none_of_them_is_pending():
    assert printed(orders=("77",)).splitlines()[1] == "None of the given orders is pending."


def test_an_outage_of_the_shop_is_counted_with_its_fault():
    fault = Fault.of("client", "no answer")
    items = [
        evolve(waiting(str(n)), because=reason("not_tried", error=error)) for n, error in ((1, "no answer"), (2, "x"))
    ]
    text = printed(items=tuple(items), faults=(fault,))
    assert "Not processed because of this: 1 item of 1 order." in text
    assert table_of(text) == [["2", "1", "missing", "not tried, and nothing was sent: x"]]


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ("rejected", "1 item needs a person."),
        ("rejected conflict missing fulfilled fulfilled", "2 items need a person; 1 waiting; 2 done."),
        ("missing", "No item needs a person; 1 waiting."),
        ("fulfilled", "No item needs a person; 1 done."),
        ("", "No order is pending, so there is nothing to do."),
    ],
)
def test_the_second_line_says_how_much_work_there_is(statuses, line):
    items = [waiting(str(number), status=ItemStatus(status)) for number, status in enumerate(statuses.split())]
    assert printed(items=tuple(items)).splitlines()[1] == line


def test_a_conflict_of_two_items_has_one_row_and_its_files_none():
    prints = [{"order_number": number, "item_number": "1", "placement": None} for number in ("1002", "1001")]
    shared = [
        evolve(
            waiting(number, status=ItemStatus.CONFLICT),
            because=reason("name_not_unique", basename="a", others=[other]),
        )
        for number, other in zip(("1001", "1002"), prints, strict=True)
    ]
    several = evolve(
        waiting("1003", status=ItemStatus.CONFLICT),
        because=reason("several_files", files=["b.pdf", "b.png"]),
        files=("b.pdf", "b.png"),
    )
    files = tuple(
        FileOutcome(name=name, status=FileStatus.AMBIGUOUS, because=several.because) for name in several.files
    )
    text = printed(items=(*shared, several), files=files, file_counts={FileStatus.AMBIGUOUS: 2})
    assert [row[0] for row in table_of(text)] == ["1001, 1002", "1003"]
    assert "Unmatched file" not in text
    other = FileOutcome(name="c.pdf", status=FileStatus.AMBIGUOUS, because=because("which order?"))
    text = printed(items=(several,), files=(*files, other), file_counts={FileStatus.AMBIGUOUS: 4})
    assert "c.pdf" in text.partition("Unmatched file")[2]
    assert "b.pdf" not in text.partition("Unmatched file")[2]
    assert "… and 1 more: ambiguous." in text


def test_files_for_a_person_come_before_those_that_wait():
    files = tuple(FileOutcome(name=s, status=s, because=because(s)) for s in (FileStatus.EARLY, FileStatus.NEAR_MISS))
    text = printed(files=files, file_counts={FileStatus.EARLY: 1, FileStatus.NEAR_MISS: 1})
    assert text.index("near_miss") < text.index("early")


def test_work_that_is_done_takes_ten_rows():
    done = tuple(waiting(str(n), status=ItemStatus.FULFILLED, why=f"fulfilled with {n}.pdf") for n in range(1000, 1300))
    text = printed(items=(*done, waiting("1", status=ItemStatus.REJECTED)))
    assert len(table_of(text)) == 1 + 10 + 1  # and the line that says how to see the others
    assert table_of(text)[0][0] == "1"
    assert "… and 290 more: fulfilled. --json and --report FILE.html show all." in text
