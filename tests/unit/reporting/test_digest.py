"""A digest as text and as an HTML page."""

import builtins
import html.parser

import pytest

from alert_reports import DAY, HOUR, STORAGE_DOWN, Inbox, item, report
from reasons import because
from remote_artwork.alerts import Alerts
from remote_artwork.core.report import Fault, ItemStatus
from remote_artwork.errors import MissingExtra
from remote_artwork.ledgers import MemoryLedger

MUG = item("1002", ItemStatus.AWAITING_REVIEW, position=2, title="Blue mug", sku="MUG-B")
SHOP_DOWN = Fault.of("client", "HTTP 500")


def digests(*reports):
    inbox = Inbox()
    alerts = Alerts(MemoryLedger(), inbox)
    for each in reports:
        alerts.send(each)
    return inbox.digests


HISTORY = digests(
    report(item("1001"), item("1003"), item("1004", item_number=""), MUG, faults=(SHOP_DOWN,)),
    report(item("1001"), item("1004", item_number=""), MUG, after=5 * HOUR),
    report(item("1001"), item("1005"), item("1004", item_number=""), after=DAY + HOUR),
    report(item("1001"), item("1005"), item("1004", item_number=""), item("1006"), after=DAY + 2 * HOUR),
)


def test_a_text_has_a_title_and_a_line_for_each_problem():
    assert HISTORY[0].to_text().splitlines() == [
        "acme: 5 new problems",
        "s3://prints/in/, scanned 2026-05-04 12:00 UTC",
        "",
        "New",
        "- The shop could not be used: HTTP 500",
        "- Order 1001, item 1 — rejected: save it again",
        "- Order 1003, item 1 — rejected: save it again",
        "- Order 1004 — rejected: save it again",
        "- Order 1002, item 2: Blue mug (MUG-B) — awaiting review: save it again",
    ]


def test_a_text_says_what_is_resolved_and_what_is_still_open():
    assert HISTORY[1].to_text().splitlines()[3:] == [
        "Resolved",
        "- Order 1003, item 1 — no longer rejected, after 5 hours",
        "",
        "3 other problems are still open, the oldest for 5 hours.",
    ]
    assert HISTORY[2].to_text().splitlines() == [
        "acme: 1 new problem, 2 reminders, 2 resolved",
        "s3://prints/in/, scanned 2026-05-05 13:00 UTC",
        "",
        "New",
        "- Order 1005, item 1 — rejected: save it again",
        "",
        "Still open",
        "- Order 1001, item 1 — rejected for 1 day 1 hour: save it again",
        "- Order 1004 — rejected for 1 day 1 hour: save it again",
        "",
        "Resolved",
        "- The shop works again, after 5 hours",
        "- Order 1002, item 2: Blue mug (MUG-B) — no longer awaiting review, after 1 day 1 hour",
    ]


def test_a_digest_without_news_says_so():
    result = Alerts(MemoryLedger(), Inbox()).send(report())
    assert result.digest.title == "acme: nothing new"
    assert result.digest.is_empty


def test_one_other_problem_is_counted():
    [_, later] = digests(report(item("1001")), report(item("1001"), item("1002"), after=2 * HOUR))
    assert later.to_text().endswith("1 other problem is still open, for 2 hours.")


def test_a_text_has_only_the_first_problems_of_a_section():
    [digest] = digests(report(*(item(str(number)) for number in range(1000, 1030))))
    assert digest.to_text(most=29).endswith("- and 1 other problem")
    assert "other" not in digest.to_text(most=30)


def test_invisible_characters_and_line_breaks_are_shown():
    [digest] = digests(report(item("10\n01", because=because("evil\u202e\r\nBcc: x")), tenant="a\nb"))
    assert digest.title == "a\\nb: 1 new problem"
    assert "Order 10\\n01, item 1 — rejected: evil\\u202e\\r\\nBcc: x" in digest.to_text()


class Tags(html.parser.HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick"}

    def handle_data(self, data):
        self.text.append(data)


def test_a_page_has_the_same_lines_and_loads_nothing():
    page = Tags(HISTORY[2].to_html())
    assert not page.tags & {"script", "style", "img", "link", "a"}
    words = " ".join("".join(page.text).split())
    for line in HISTORY[2].to_text().splitlines():
        assert not line or line.removeprefix("- ").split(": ")[0] in words


def test_a_page_escapes_names():
    [digest] = digests(report(item("<b>", because=because("<script>alert(1)</script> \udcff")), tenant="<i>"))
    page = digest.to_html()
    assert not Tags(page).tags & {"b", "i", "script"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\udcff" in page
    page.encode()


def test_a_page_has_only_the_first_problems_of_a_section():
    [digest] = digests(report(*(item(str(number)) for number in range(1000, 1030)), faults=(STORAGE_DOWN,)))
    assert "and 11 other problems" in digest.to_html()


def test_a_page_needs_jinja(monkeypatch):
    def no_jinja(name, *arguments):
        if name == "jinja2":
            raise ImportError(name)
        return original(name, *arguments)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_jinja)
    with pytest.raises(MissingExtra, match=r"remote_artwork\[report\]"):
        HISTORY[0].to_html()
