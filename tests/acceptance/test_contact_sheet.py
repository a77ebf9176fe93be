"""The contact sheet as a person has it: in a browser, in light and dark, on paper, by keyboard; safe from odd names."""

import base64
import io
import json
import os

import fsspec
import pypdfium2
import pytest
from selenium.webdriver.common.keys import Keys

import remote_artwork as ra
from browser import accessibility, look_at
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG, uploaded

EVIL = '<script>document.title="taken"</script><img src=x onerror=document.title="taken">"\'&{{7*7}}'
ITEM = {"print_size_mm": (300, 300)}
ORDERS = [
    ra.Order("1001", [ra.OrderItem("1", **ITEM)]),
    ra.Order("1002", [ra.OrderItem("1"), ra.OrderItem("2")]),
    ra.Order("1003", [ra.OrderItem("1")]),
    ra.Order(EVIL.replace("/", "-"), [ra.OrderItem("1")]),
    ra.Order("\u202egnp.exe", [ra.OrderItem("1")]),
    ra.Order("x" * 180, [ra.OrderItem("1")]),
]


@pytest.fixture(scope="module")
def scanned():
    """A report with pictures, warnings, every group of statuses, and names that mean harm; and its storage."""
    files = fsspec.filesystem("memory")
    for name, data in {
        "1001_1.jpg": JPEG,
        "1002_1.pdf": PDF,
        "1003_1.png": PDF,
        f"{EVIL.replace('/', '-')}_1.png": PNG,
        "\u202egnp.exe_1.png": PNG,
        f"{EVIL.replace('/', '-')} 2.pdf": PDF,
        "1002-2.png": PNG,
        f"a long name of a file that nobody awaits{' and so on' * 18}.pdf": PDF,
    }.items():
        files.pipe(f"/sheet/{name}", data)
    scanner = ra.Scanner(
        ra.ArtworkStorage(files, "/sheet"),
        FakeShop(ORDERS),
        ledger=ra.MemoryLedger(),
        policy=ra.Policy(preflight="deep"),
    )
    yield scanner.scan(), scanner.storage
    files.rm("/sheet", recursive=True)


@pytest.fixture(scope="module")
def page(scanned, tmp_path_factory):
    report, storage = scanned
    path = tmp_path_factory.mktemp("sheet") / "sheet.html"
    report.to_html(path, storage=storage)
    return path


@pytest.fixture
def opened(browser, page):
    browser.get("about:blank")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(page.as_uri())
    return browser


def visible(opened, selector):
    return [found for found in opened.find_elements("css selector", selector) if found.is_displayed()]


def test_nothing_in_a_name_becomes_part_of_the_page(opened):
    assert opened.title.startswith("Scan of memory://")
    assert len(opened.find_elements("css selector", "script")) == 1
    assert not opened.find_elements("css selector", "img[src=x]")
    shown = opened.find_element("tag name", "main").get_property("textContent")
    assert EVIL.replace("/", "-") in shown
    assert "{{7*7}}" in shown
    severe = [entry for entry in opened.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []


def test_even_a_name_that_got_through_would_not_run(browser, page, tmp_path):
    broken_in = tmp_path / "broken.html"
    text = page.read_text(encoding="utf-8")
    broken_in.write_text(text.replace("</main>", '<script>document.title="taken"</script></main>'), encoding="utf-8")
    browser.get(broken_in.as_uri())
    assert browser.title.startswith("Scan of")
    browser.get_log("browser")  # which tells of the refusal


def test_every_artwork_is_shown_beside_its_order_and_nothing_comes_from_elsewhere(opened):
    sources = [image.get_attribute("src") for image in opened.find_elements("css selector", ".card img")]
    assert len(sources) == 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert opened.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert (
        opened.execute_script(
            "return performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:'))"
        )
        == []
    )
    card = next(card for card in opened.find_elements("css selector", ".card") if "1001" in card.text)
    assert "fulfilled" in card.text
    assert "Warning: it has 102 dpi at 300 × 300 mm" in card.text
    assert card.find_element("css selector", "img").get_attribute("alt") == "Artwork 1001_1.jpg"


def test_it_says_what_to_do_about_items_and_files(opened):
    rejected = opened.find_element("css selector", ".card[data-status=rejected]").text
    assert "Upload a correct file with the same name." in rejected
    near = next(row.text for row in opened.find_elements("css selector", ".files tr") if "1002-2.png" in row.text)
    assert "Rename the file" in near
    assert "1002_2.png" in near


@pytest.mark.parametrize("width", [1280, 700, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_and_nothing_overlaps(opened, width, scheme):
    wide, cut, overlap, contrast = look_at(opened, width=width, scheme=scheme)
    assert wide <= width
    assert cut == []
    assert overlap == []
    assert min(contrast) >= 4.5


def test_a_long_name_leaves_the_reason_its_room(opened):
    look_at(opened, width=1280, scheme="light")
    widths = [cell.size["width"] for cell in opened.find_elements("css selector", ".files thead th")]
    assert widths[2] > sum(widths) / 3


def test_filters_work_by_keyboard_and_say_what_is_left(opened):
    cards = len(visible(opened, ".card"))
    opened.find_element("tag name", "body").send_keys(Keys.TAB)
    assert opened.switch_to.active_element.text == "Skip to the items"
    opened.switch_to.active_element.send_keys(Keys.TAB)
    assert opened.switch_to.active_element.get_attribute("name") == "group"
    while opened.switch_to.active_element.get_attribute("value") != "fulfilled":
        opened.switch_to.active_element.send_keys(Keys.TAB)
        assert opened.switch_to.active_element.get_attribute("name") == "status"
    opened.switch_to.active_element.send_keys(Keys.SPACE)
    left = visible(opened, ".card")
    assert 0 < len(left) < cards
    assert "fulfilled" not in {card.get_attribute("data-status") for card in left}
    assert opened.find_element("tag name", "output").text == f"{len(left)} of {cards} items"
    search = opened.find_element("css selector", "input[type=search]")
    search.send_keys("1003")
    assert [card.get_attribute("data-status") for card in visible(opened, ".card")] == ["rejected"]
    assert len(visible(opened, "main > section")) == 2  # that of the card, and the other files


def test_on_paper_there_are_no_controls_and_no_card_is_torn(opened):
    printed = opened.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    paper = pypdfium2.PdfDocument(io.BytesIO(base64.b64decode(printed["data"])))
    pages = [page.get_textpage().get_text_bounded() for page in paper]
    paper.close()
    text = " ".join(pages)
    assert "Order 1001" in text
    assert "Upload a correct file" in text
    assert "Order or file" not in text
    assert "Check results" not in text


HOST_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Back office</title>
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'nonce-n1'; script-src 'nonce-n1'">
<style nonce="n1">body {{ background: #fff }} p, h2 {{ font-size: 20px }}</style></head>
<body><h2 id="own">Orders</h2><p id="text">One page of the shop.</p>{first}{second}</body></html>"""


def test_a_fragment_is_part_of_a_page_with_a_policy_of_its_own(opened, scanned, tmp_path, axe):
    report, storage = scanned
    page = tmp_path / "host.html"
    first = report.to_html(fragment=True, nonce="n1", storage=storage)
    page.write_text(HOST_PAGE.format(first=first, second=report.to_html(fragment=True, nonce="n1")), encoding="utf-8")
    opened.get(page.as_uri())
    assert opened.get_log("browser") == []
    assert opened.title == "Back office"
    sizes = "return ['own', 'text'].map((id) => getComputedStyle(document.getElementById(id)).fontSize)"
    assert opened.execute_script(sizes) == ["20px", "20px"]
    assert opened.execute_script("return document.querySelectorAll('h1, main, [id=items]').length") == 0
    one, other = opened.find_elements("css selector", ".remote-artwork")
    assert len(one.find_elements("css selector", ".card img")) == 4
    cards = len(visible(one, ".card"))
    one.find_element("css selector", "input[type=search]").send_keys("1003")
    assert len(visible(one, ".card")) == 1
    assert len(visible(other, ".card")) == cards
    wide, cut, overlap, contrast = look_at(opened, width=700, scheme="dark")  # the page itself is light
    assert wide <= 700
    assert (cut, overlap) == ([], [])
    assert min(contrast) >= 4.5
    assert opened.execute_script("return getComputedStyle(arguments[0]).backgroundColor", one) == "rgb(251, 250, 248)"
    broken = accessibility(opened, axe)[1]
    of_this_page = {"landmark-one-main", "page-has-heading-one", "region", "landmark-unique"}  # it has one report twice
    assert {rule for rule, _ in broken} <= of_this_page


def test_a_report_is_returned_and_written_to_a_stream(scanned):
    report, _ = scanned
    stream = io.StringIO()
    assert report.to_html(stream) == stream.getvalue() == report.to_html()
    assert report.to_html().startswith("<!DOCTYPE html>")
    assert report.to_html(fragment=True).startswith('<div class="remote-artwork">')


def test_the_command_line_writes_it_or_says_at_once_that_it_cannot(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    uploaded(tmp_path / "in" / "1_1.pdf", PDF)
    orders = tmp_path / "orders.json"
    order = {"number": "1", "status": "pending_approval", "items": [{"number": "1"}]}
    orders.write_text(json.dumps({"orders": [order]}), encoding="utf-8")
    command = [(tmp_path / "in").as_uri(), "--orders-file", str(orders), "--report", str(tmp_path / "sheet.html")]
    from remote_artwork.cli.app import run

    assert run(["plan", *command, "--deep", "--verify"]) == 0
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "dry run: nothing was written" in page
    assert "data:image/jpeg;base64," in page
    assert run(["scan", *command[:3], "--report", str(tmp_path / "nowhere" / "sheet.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert run(["scan", *command]) == 0
    assert "fulfilled with" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def empty_report():
    storage = ra.ArtworkStorage(fsspec.filesystem("memory"), "/nothing")
    return ra.Scanner(storage, FakeShop([]), ledger=ra.MemoryLedger()).plan()


def test_the_page_is_never_written_through_a_link(tmp_path, monkeypatch):
    other = tmp_path / "other.txt"
    other.write_text("precious", encoding="utf-8")
    for link in ("sheet.html", f"sheet.html.{os.getpid()}.new", ".sheet.html.new"):
        (tmp_path / link).symlink_to(other)
    report = empty_report()
    report.to_html(tmp_path / "sheet.html")
    assert other.read_text(encoding="utf-8") == "precious"
    assert not (tmp_path / "sheet.html").is_symlink()
    monkeypatch.setattr("secrets.token_hex", lambda _size: "guessed")
    (tmp_path / ".guessed.new").symlink_to(other)
    with pytest.raises(ra.ConfigurationError, match="cannot be written"):
        report.to_html(tmp_path / "sheet.html")
    assert other.read_text(encoding="utf-8") == "precious"
    assert (tmp_path / ".guessed.new").is_symlink()


def test_a_page_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "sheet.html").mkdir()
    report = empty_report()
    with pytest.raises(ra.ConfigurationError, match="cannot be written"):
        report.to_html(tmp_path / "sheet.html")
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.html"]
