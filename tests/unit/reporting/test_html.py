"""The contact sheet as HTML text."""

import re
from datetime import UTC, datetime

import pytest
from attrs import evolve

from reasons import because
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import (
    Fault,
    FileOutcome,
    FileStatus,
    Finding,
    ItemOutcome,
    ItemStatus,
    ScanReport,
    Severity,
)
from remote_artwork.errors import MissingExtra
from remote_artwork.reporting.html import FILE_ADVICE, ITEM_ADVICE, advise_on_file, contact_sheet, group_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
EMPTY = ScanReport(dry_run=False, tenant="t", location="s3://b/in/", started_at=NOON, finished_at=NOON, items=())


def item(status, **more):
    fields = {"order_number": "1001", "item_number": "1", "because": because("why"), "order_id": "1001"}
    return ItemOutcome(status=status, **(fields | more))


def page(*items, pictures=None, **more):
    return contact_sheet(evolve(EMPTY, items=items, **more), pictures or {})


def test_an_empty_report_says_that_no_order_is_pending():
    text = page()
    assert "No order is pending, so there is nothing to do." in text
    assert "<form" not in text


@pytest.mark.parametrize("status", ItemStatus)
def test_every_item_status_is_shown_with_advice(status):
    text = page(item(status))
    assert f'<p class="status">{status.replace("_", " ")}</p>' in text
    assert ITEM_ADVICE[status] in text
    assert f'<section class="{group_of(item(status))}">' in text


def test_the_advice_follows_the_reason():
    busy = item(ItemStatus.FAILED, because=reason("not_tried", error="busy"))
    misnamed = item(ItemStatus.MISSING, notes=(reason("misnamed_file", file="a.png", suggestion="1001_1.png"),))
    assert "The next scan tries again." in page(busy)
    assert '<section class="waiting">' in page(busy)
    assert "Rename the file if it is the right one" in page(misnamed)


@pytest.mark.parametrize("order", [1, -1])
def test_a_filter_needs_a_person_if_one_of_its_items_does(order):
    items = [item(ItemStatus.FAILED, because=reason("not_tried", error="busy")), item(ItemStatus.FAILED)][::order]
    assert '<label class="chip person">' in page(*items)
    assert '<label class="chip waiting">' in page(items[0 if order == 1 else 1])


@pytest.mark.parametrize("status", FileStatus)
def test_every_file_status_is_shown_with_advice(status):
    file = FileOutcome(name="1001-1.pdf", status=status, because=because("why"), suggestion="1001_1.pdf")
    text = page(files=(file,), file_counts={status: 1})
    assert status.replace("_", " ") in text
    assert FILE_ADVICE[status] in text
    assert "1001_1.pdf" in text


@pytest.mark.parametrize(
    "name", ["\u200e1001_1.pdf", "1001\u200b_1.pdf", "1001\u00ad_1.pdf", "1001_1\ufe0f.pdf", "\u202e.pdf"]
)
def test_invisible_characters_are_shown(name):
    file = FileOutcome(name=name, status=FileStatus.NEAR_MISS, because=because("why"), suggestion=name)
    text = page(item(ItemStatus.CONFLICT, files=(name,), expected=(name,)), files=(file,), tenant=name)
    shown = name.encode("ascii", "backslashreplace").decode()
    assert text.count(f"<bdi>{shown}</bdi>") == 4
    assert f'class="name">{shown}</bdi>' in text
    assert f"<bdi>{name}" not in text


@pytest.mark.parametrize(
    ("rules", "advice"),
    [(["upload_not_finished"], "Wait until the upload is finished"), (["other_separator"], "Rename the file")],
)
def test_the_advice_on_a_near_miss_depends_on_its_rules(rules, advice):
    details = {"order_number": "1001", "item_number": "1", "placement": None}
    why = reason("near_miss", rules=rules, print=details, suggestion="1001_1.pdf")
    file = FileOutcome(name="x", status=FileStatus.NEAR_MISS, because=why, suggestion="1001_1.pdf")
    assert advise_on_file(file).startswith(advice)


def test_an_unrelated_print_file_may_be_for_an_order():
    file = FileOutcome(
        name="x.pdf", status=FileStatus.UNRELATED, because=reason("other_name", pattern="{order_number}")
    )
    assert advise_on_file(file) == "If the file is for an order, rename it."


def test_warnings_are_shown_and_all_findings_are_in_the_table():
    findings = (
        Finding(
            severity=Severity.WARN, code="low_resolution", message="blurred", measured="72 dpi", required="150 dpi"
        ),
        Finding(severity=Severity.PASS, code="pixels", message="fine", measured="10 pixels"),
    )
    text = page(item(ItemStatus.FULFILLED, findings=findings))
    assert re.findall(r'class="warning".*?</p>', text) == [
        'class="warning"><strong>Warning:</strong> <bdi>blurred</bdi></p>'
    ]
    for figure in ("low resolution", "72 dpi", "150 dpi", "10 pixels"):
        assert figure in text


def test_faults_are_shown_first():
    text = page(faults=(Fault.of("storage", "it is <down>"),))
    assert "The storage could not be used:" in text
    assert "The next scan tries again." in text
    assert "it is &lt;down&gt;" in text


def test_a_cause_of_many_items_is_said_once():
    fault = Fault.of("storage", "no server answers")
    waiting = [item(ItemStatus.UNREADABLE, because=reason("storage_not_read", error="no server answers"))] * 3
    text = page(*waiting, faults=(fault,))
    assert text.count("no server answers") == 1
    assert text.count("not processed; the top of this page says why") == 3


def test_a_review_shows_the_digest_and_no_command():
    notes = (reason("accept", command="remote-artwork accept 1 --files=abc"),)
    text = page(item(ItemStatus.AWAITING_REVIEW, because=reason("awaiting_review", digest="abc"), notes=notes))
    assert "(digest abc)" in text
    assert "remote-artwork accept" not in text


@pytest.mark.parametrize(
    ("because", "advice"),
    [
        (reason("several_files", files=["a.png", "a.pdf"]), "Delete all files but the right one."),
        (reason("number_not_unique", order_number="1", order_ids=["5", "6"]), "Keep the file."),
    ],
)
def test_only_files_of_one_print_are_to_be_deleted(because, advice):
    assert advise_on_file(FileOutcome(name="a.png", status=FileStatus.AMBIGUOUS, because=because)).startswith(advice)


def test_thumbnails_are_embedded_and_other_files_are_named():
    text = page(item(ItemStatus.CONFLICT, files=("a.png", "b.png")), pictures={"a.png": b"\xff\xd8"})
    assert '<img src="data:image/jpeg;base64,/9g=" alt="Artwork a.png">' in text
    assert text.count("<bdi>b.png</bdi>") == 1


def test_missing_placements_are_shown_beside_existing_files():
    text = page(item(ItemStatus.MISSING, files=("1_front.png",), expected=("1_back",)))
    assert "<bdi>1_front.png</bdi>" in text
    assert "<bdi>1_back</bdi>" in text
    assert "no file" not in text
    assert "no file" in page(item(ItemStatus.NOT_REQUIRED))


def test_bytes_that_are_not_text_are_escaped():
    assert "\\udcff_1.pdf" in page(item(ItemStatus.REJECTED, files=("\udcff_1.pdf",)))


def test_only_the_own_script_and_style_can_run():
    text = page(item(ItemStatus.MISSING))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_the_message_about_missing_jinja2_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'remote_artwork\[report\]'"):
        page()
