"""The contact sheet for a person who approves: filters, placements, enlarged pictures, WCAG, and 2,000 items."""

import base64
import io
from datetime import UTC, datetime, timedelta

import pypdfium2
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from browser import accessibility, set_view
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
from remote_artwork.reporting.html import contact_sheet

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
COLORS = ("red", "green", "blue", "cyan", "white")
LOW = {"dpi": 102.0, "width_mm": 300, "height_mm": 200, "width": 1772, "height": 1181}


def picture(color):
    out = io.BytesIO()
    Image.new("RGB", (48, 32), color).save(out, "JPEG")
    return out.getvalue()


def item(number, status, because, *, days=None, **more):
    ordered_at = None if days is None else NOON - timedelta(days=days)
    known = {"order_number": number, "item_number": "1", "order_id": number, "ordered_at": ordered_at}
    return ItemOutcome(status=status, because=because, **(known | more))


SIDES = {"1002_1_front.jpg": "front", "1002_1_back.jpg": "back"}
ITEMS = (
    item("1001", ItemStatus.MISSING, reason("waiting_for_files", basenames=["1001_1"]), days=4, expected=("1001_1",)),
    item(
        "1002",
        ItemStatus.MATCHED,
        reason("found", files=list(SIDES)),
        days=2,
        files=tuple(SIDES),
        placements=SIDES,
        findings=(Finding(severity=Severity.WARN, code="low_resolution", details=LOW),),
    ),
    item(
        "1003",
        ItemStatus.CONFLICT,
        reason("several_files", files=["a.jpg", "b.jpg"]),
        days=40,
        files=("a.jpg", "b.jpg"),
    ),
    item("1004", ItemStatus.FULFILLED, reason("fulfilled", files=["1004_1.jpg"]), files=("1004_1.jpg",)),
)
REPORT = ScanReport(
    dry_run=False,
    tenant="acme",
    location="s3://prints/in/",
    started_at=NOON,
    finished_at=NOON,
    items=ITEMS,
    files=(
        FileOutcome(name="x.tif", status=FileStatus.UNSUPPORTED, because=reason("format_not_printed", extension="tif")),
    ),
    file_counts={FileStatus.UNSUPPORTED: 1},
    faults=(Fault(part="client", because=reason("client_failed", error="it is busy")),),
)
PICTURES = {name: picture(color) for name, color in zip([*SIDES, "a.jpg", "b.jpg", "1004_1.jpg"], COLORS, strict=True)}


@pytest.fixture
def sheet(browser, tmp_path):
    """Opens a report as a page."""

    def opened(report, pictures=PICTURES):
        path = tmp_path / "sheet.html"
        path.write_text(contact_sheet(report, pictures), encoding="utf-8")
        browser.get("about:blank")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.get(path.as_uri())
        return browser

    return opened


def shown(opened):
    """The order numbers of the cards that are shown."""
    cards = "return [...document.querySelectorAll('.card:not([hidden]) .order > bdi')].map((e) => e.textContent)"
    return opened.execute_script(cards)


def choose(opened, selector, value):
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    opened.execute_script(script, opened.find_element("css selector", selector), value)


def focused(opened):
    return opened.switch_to.active_element


def enlarged(opened):
    return opened.find_element("css selector", "dialog.enlarged")


# --- Accessible ---


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_wcag_2_2_aa(sheet, axe, width, scheme):
    opened = sheet(REPORT)
    set_view(opened, width=width, scheme=scheme)
    passed, broken = accessibility(opened, axe)
    assert broken == []
    assert {"color-contrast", "image-alt", "label", "button-name", "target-size"} <= set(passed)
    opened.find_element("css selector", ".zoom").click()
    assert enlarged(opened).accessible_name == "Order 1003 item 1"
    assert accessibility(opened, axe)[1] == []


def test_axe_finds_what_is_wrong(sheet, axe):
    opened = sheet(REPORT)
    opened.execute_script("document.querySelector('.card img').alt = ''; document.documentElement.lang = ''")
    _, broken = accessibility(opened, axe)
    assert {"button-name", "html-has-lang"} <= {rule for rule, _ in broken}


# --- Filters ---


def test_one_choice_leaves_what_needs_a_person(sheet):
    opened = sheet(REPORT)
    assert shown(opened) == ["1003", "1001", "1002", "1004"]
    focused(opened).send_keys(Keys.TAB, Keys.TAB, Keys.RIGHT)
    assert focused(opened).get_attribute("value") == "person"
    assert shown(opened) == ["1003"]
    focused(opened).send_keys(Keys.RIGHT)
    assert shown(opened) == ["1001", "1002"]
    assert opened.find_element("tag name", "output").text == "2 of 4 items"


def test_old_orders_can_be_chosen(sheet):
    opened = sheet(REPORT)
    assert "ordered 4 days ago" in opened.find_element("css selector", "[data-status=missing]").text
    for seconds, orders in {"86400": ["1003", "1001", "1002"], "259200": ["1003", "1001"], "2592000": ["1003"]}.items():
        choose(opened, "select[name=age]", seconds)
        assert shown(opened) == orders


def test_a_shop_without_order_times_has_no_filter_for_them(sheet):
    opened = sheet(ScanReport.from_dict(REPORT.to_dict() | {"items": [ITEMS[3].to_dict()]}))
    assert opened.find_elements("css selector", "select, [name=group]") == []
    assert opened.find_element("tag name", "output").text == "1 of 1 item"


# --- Pictures ---


def test_placements_are_side_by_side_under_their_names(sheet):
    opened = sheet(REPORT)
    for width in (1280, 360):
        set_view(opened, width=width, scheme="light")
        front, back = opened.find_elements("css selector", "[data-status=matched] figure")
        assert [front.text, back.text] == ["front\n1002_1_front.jpg", "back\n1002_1_back.jpg"]
        assert front.rect["y"] == back.rect["y"]
        assert front.rect["x"] + front.rect["width"] <= back.rect["x"]


def test_the_print_size_is_in_millimeters_and_inches(sheet):
    text = sheet(REPORT).find_element("css selector", "[data-status=matched]").text
    assert "Print size 300 × 200 mm (11.8 × 7.9 in), effective resolution 102 dpi" in text
    assert "Warning: it has 102 dpi at 300 × 200 mm" in text


def test_pictures_are_enlarged_and_compared_by_keyboard(sheet):
    opened = sheet(REPORT)
    opened.execute_script("document.querySelector('.zoom').focus()")
    focused(opened).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert "1002_1_front.jpg" in opened.execute_script("return document.activeElement.firstChild.alt")
    focused(opened).send_keys(Keys.END)
    assert "1004_1.jpg" in opened.execute_script("return document.activeElement.firstChild.alt")
    focused(opened).send_keys(Keys.HOME)
    focused(opened).send_keys(Keys.ENTER)
    assert enlarged(opened).is_displayed()
    assert "Order 1003 item 1" in enlarged(opened).text
    focused(opened).send_keys(Keys.ARROW_RIGHT)
    assert "Order 1002 item 1" in enlarged(opened).text
    assert "Warning: it has 102 dpi" in enlarged(opened).text
    widths = [image.rect["width"] for image in enlarged(opened).find_elements("tag name", "img")]
    small = opened.find_element("css selector", "[data-status=matched] img").rect["width"]
    assert len(widths) == 2
    assert min(widths) > 1.5 * small
    enlarged(opened).find_element("name", "double").send_keys(Keys.ENTER)
    assert enlarged(opened).find_element("tag name", "img").rect["width"] > 1.5 * widths[0]
    focused(opened).send_keys(Keys.ESCAPE)
    is_back = "return document.activeElement.firstChild?.alt === 'Artwork 1002_1_front.jpg'"
    WebDriverWait(opened, 60).until(lambda _: opened.execute_script(is_back))  # the browser reports the end later
    assert not enlarged(opened).is_displayed()


def test_enlarged_pictures_follow_the_filters(sheet):
    opened = sheet(REPORT)
    choose(opened, "input[type=search]", "1002")
    opened.find_element("css selector", "[data-status=matched] .zoom").click()
    assert not enlarged(opened).find_element("name", "previous").is_enabled()
    assert not enlarged(opened).find_element("name", "next").is_enabled()


def test_paper_has_the_items_that_are_shown_and_no_controls(sheet):
    opened = sheet(many(60), {})
    choose(opened, "input[type=search]", "100")
    opened.execute_script("document.querySelector('.keys')?.remove()")
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    paper = pypdfium2.PdfDocument(io.BytesIO(base64.b64decode(printed["data"])))
    text = " ".join(page.get_textpage().get_text_bounded() for page in paper)
    paper.close()
    assert [number for number in range(1, 61) if f"Order {1000 + number} " in text] == list(range(1, 10))
    assert "Order or file" not in text


# --- Many items ---


def many(count):
    """A report with as many items, all of which have a picture."""
    items = []
    for number in range(1001, 1001 + count):
        because = reason("fulfilled", files=[f"{number}_1.jpg"])
        items.append(item(str(number), ItemStatus.FULFILLED, because, days=number % 50, files=(f"{number}_1.jpg",)))
    return ScanReport(
        dry_run=False, tenant="acme", location="s3://prints/in/", started_at=NOON, finished_at=NOON, items=tuple(items)
    )


_RENDERED = """
const done = arguments[arguments.length - 1];
requestAnimationFrame(() => requestAnimationFrame(() => done(
  [...document.querySelectorAll(".card img")]
    .filter((image) => image.checkVisibility({ contentVisibilityAuto: true })).length)));
"""
_WATCH = """
window.changes = 0;
new MutationObserver((records) => { window.changes += records.length; })
  .observe(document.querySelector("main"), { subtree: true, attributes: true, childList: true });
"""


def test_of_2000_pictures_only_those_near_the_window_are_drawn(sheet):
    opened = sheet(many(2_000), {f"{number}_1.jpg": PICTURES["a.jpg"] for number in range(1001, 3001)})
    set_view(opened, width=1280, scheme="light")
    assert 0 < opened.execute_async_script(_RENDERED) < 60
    opened.execute_script("document.querySelector('.card:last-child .zoom').focus()")
    assert 0 < opened.execute_async_script(_RENDERED) < 120


def test_a_filter_changes_only_the_cards_that_it_hides_or_shows(sheet):
    opened = sheet(many(2_000), {})
    opened.execute_script(_WATCH)
    choose(opened, "input[type=search]", "1001")  # order 1001
    assert opened.execute_script("return window.changes") == 1_999
    choose(opened, "input[type=search]", "1001_1")
    assert opened.execute_script("return window.changes") == 1_999
