"""Public web folders of servers that respond for one name with something else, as public reports describe them."""

from __future__ import annotations

import re

import pytest

import remote_artwork as ra
from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.doctor import check_location
from remote_artwork.testing import FakeShop
from shop_files import PDF, PNG


@pytest.fixture
def folder(web_server):
    return web_server.folder


@pytest.fixture
def scan(web_server, local_network):
    """Scan for these order numbers with one item each; order number → item, and the shop."""

    def scan(*numbers, **options):
        shop = FakeShop([ra.Order(number, [ra.OrderItem("1")]) for number in numbers])
        storage = ra.open_storage(web_server.url, network=local_network)
        report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), **options).scan()
        return {item.order_number: item for item in report.items}, report

    return scan


def statuses(items):
    return [str(item.status) for item in items.values()]


@pytest.fixture
def multiviews(folder):
    """Answers of Apache 2.4 with ``Options +MultiViews``: a file ``name.*`` is sent for a missing ``name``."""

    def instead(name):
        variants = sorted(file for file in folder.files if file.startswith(f"{name}."))
        if name in folder.files or not variants:
            return None
        headers = {
            "Content-Location": variants[0],
            "Vary": "negotiate",
            "TCN": "choice",
            "ETag": '"28-66;66"',
            "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT",
        }
        return 200, headers, folder.files[variants[0]]

    folder.instead = instead
    return folder


def test_a_file_of_another_name_is_never_printed(multiviews, scan):
    multiviews.files = {
        "1001_1.pdf.old": PDF,
        "1002_1.pdf": PDF,
        "1003_1.jpg.png": PNG,
        "1003_1.png": PNG,
    }
    items, _ = scan("1001", "1002", "1003", "1004")
    assert statuses(items) == ["unreadable", "fulfilled", "unreadable", "missing"]
    assert "sends '1001_1.pdf.old' instead; rename that file" in items["1001"].reason


def test_one_file_of_another_name_is_no_outage(multiviews, scan):
    multiviews.files = {"1001_1.pdf.old": PDF}
    items, report = scan("1001")
    assert (statuses(items), report.exit_code, report.faults) == (["unreadable"], 1, ())


def test_a_file_that_appears_in_place_of_a_checked_one_is_not_attached(multiviews, web_server, local_network):
    storage = ra.open_storage(web_server.url, network=local_network)
    multiviews.files = {"1001_1.pdf.old": PDF}
    with pytest.raises(StorageMisbehaved, match="has no file of this name"):
        storage.stat("1001_1.pdf")


@pytest.mark.parametrize("target", ["1001_1.pdf", "/in/1001_1.pdf", "http://127.0.0.1/elsewhere/1001_1.pdf"])
def test_a_redirect_to_the_spelling_that_was_found_is_ignored(folder, scan, web_server, target):
    """Apache's CheckSpelling: 301 for another case, 300 for another extension."""
    folder.files = {"1001_1.pdf": PDF}
    elsewhere = target.startswith("http:")
    target = target.replace("http://127.0.0.1/", f"{web_server.origin}/")

    def instead(name):
        if not name.startswith("1001_1.") or name in folder.files:
            return None
        return (301, {"Location": target}, b"") if name.lower() == "1001_1.pdf" else (300, {}, b"")

    folder.instead = instead
    items, _ = scan("1001", "1002")
    assert statuses(items) == ["unreadable" if elsewhere else "fulfilled", "missing"]


@pytest.mark.parametrize(
    ("target", "status"), [("1003_1.png", "fulfilled"), ("3fa9c0.png", "unreadable"), ("/in/login", "unreadable")]
)
def test_a_redirect_that_is_no_help_with_spelling_may_hide_a_second_file(folder, scan, target, status):
    folder.files = {"1001_1.pdf": PDF, "1002_1.pdf": PDF}
    folder.instead = lambda name: (301, {"Location": target}, b"") if name == "1001_1.png" else None
    items, _ = scan("1001", "1002")
    assert statuses(items) == [status, "fulfilled"]


def test_similar_names_without_a_file_of_the_right_name_are_unreadable(folder, scan):
    folder.files = {"1002_1.pdf": PDF}
    folder.instead = lambda name: (301, {"Location": "/in/1001_l.pdf"}, b"") if name == "1001_1.pdf" else None
    items, _ = scan("1001", "1002")
    assert statuses(items) == ["unreadable", "fulfilled"]
    assert "offers '1001_l.pdf'" in items["1001"].reason


@pytest.mark.parametrize("head", [404, 200, 405])
def test_what_a_server_says_to_head_is_never_asked(folder, scan, head):
    folder.files, folder.head = {"1001_1.pdf": PDF}, head
    items, _ = scan("1001", "1002")
    assert statuses(items) == ["fulfilled", "missing"]


def test_an_empty_file_is_empty_and_not_unreadable(folder, scan):
    folder.files = {"1001_1.pdf": b"", "1002_1.pdf": PDF}
    items, _ = scan("1001", "1002")
    assert statuses(items) == ["rejected", "fulfilled"]
    assert "the file is empty" in items["1001"].reason


def test_a_placeholder_for_one_extension_or_form_sends_nothing(folder, scan):
    folder.files = {"1001_1.pdf": PDF}
    headers = {"ETag": '"placeholder"', "Content-Type": "image/png"}
    folder.instead = lambda name: (200, headers, PNG) if re.fullmatch(r"[0-9]{4}_[0-9]\.png", name) else None
    items, report = scan("1001", "1002")
    assert statuses(items) == ["unreadable"] * 2
    assert "a random name ending in .png" in items["1001"].reason
    assert report.exit_code == 3


@pytest.fixture
def no_pdf(folder):
    """A rule against PDFs."""
    folder.files = {"1001_1.pdf": PDF, "1001_1.png": PNG, "1002_1.png": PNG}
    folder.instead = lambda name: (403, {}, b"") if name.lower().endswith(".pdf") else None
    return folder


@pytest.mark.usefixtures("no_pdf")
def test_a_rule_against_one_extension_hides_no_second_file(scan):
    items, _ = scan("1001", "1002", "1003")
    assert statuses(items) == ["unreadable"] * 3
    assert "every name ending in .pdf" in items["1001"].reason


@pytest.mark.usefixtures("no_pdf")
def test_check_requests_a_random_name_of_each_extension(web_server, local_network):
    report = check_location(web_server.url, network=local_network)
    (step,) = [step for step in report.steps if step.name == "list"]
    assert str(step.verdict) == "failed"
    assert ".pdf: HTTP 403, .PDF: HTTP 403" in step.message


def test_a_firewall_that_requests_a_browser_is_named(folder, scan, web_server, local_network):
    folder.files = {"1001_1.pdf": PDF}
    folder.instead = lambda _: (403, {"cf-mitigated": "challenge"}, b"<title>Just a moment...</title>")
    items, report = scan("1001")
    assert statuses(items) == ["unreadable"]
    assert "a firewall in front of the server requests a browser" in items["1001"].reason
    assert report.exit_code == 3
    assert check_location(web_server.url, network=local_network).exit_code == 3


def test_a_firewall_that_bans_half_way_hides_no_file(folder, scan):
    folder.files = {f"{number}_1.pdf": PDF for number in range(1001, 1013)}
    absent = []

    def instead(name):
        if name not in folder.files:
            absent.append(name)
        return (403, {}, b"blocked") if len(absent) > 40 else None

    folder.instead = instead
    items, _ = scan(*map(str, range(1001, 1013)))
    assert "missing" not in statuses(items)


def test_a_firewall_that_bans_with_404_hides_no_file(folder, scan):
    folder.files = {f"{number}_1.pdf": PDF for number in range(1001, 1041)}
    requests = []

    def instead(name):
        requests.append(name)
        return (404, {}, b"") if len(requests) > 200 else None

    folder.instead = instead
    items, _ = scan(*map(str, range(1001, 1041)))
    assert "missing" not in statuses(items)
    assert "unreadable" in statuses(items)


def test_on_a_server_that_ignores_case_a_lettered_number_is_not_printed(folder, scan):
    folder.files, folder.folds_case = {"a1_1.pdf": PDF, "1002_1.pdf": PDF}, True  # a1 is an order that is done
    items, _ = scan("A1", "1002")
    assert {number: str(item.status) for number, item in items.items()} == {"A1": "unreadable", "1002": "fulfilled"}


def test_letters_of_the_pattern_itself_belong_to_no_other_order(folder, scan):
    folder.files, folder.folds_case = {"PRINT_1002_1.pdf": PDF}, True
    items, _ = scan("1002", pattern="PRINT_{order_number}_{order_item_number}")
    assert statuses(items) == ["fulfilled"]


def test_a_file_that_is_replaced_while_it_is_read_is_settling(folder, scan):
    folder.files = {"1001_1.pdf": PDF}

    class Replace:
        """Uploads another file before each check."""

        def check(self, artwork, item):  # noqa: ARG002
            folder.files["1001_1.pdf"] += b"% changed"
            artwork.read(0, 16)
            return ()

    items, _ = scan("1001", checks=[Replace()])
    assert statuses(items) == ["settling"]
    assert "replaced" in items["1001"].reason
