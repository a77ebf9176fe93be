"""A signed-in user accepts the files of an order, and nobody else does."""

import re
import time

import pytest
from selenium.webdriver.common.by import By

from browser import accessibility, look_at
from print_desk_app import PATIENCE, desk_in, see
from shop_files import JPEG

pytestmark = pytest.mark.server

ANN = {"X-Forwarded-User": "ann"}


@pytest.fixture
def reviewed(tmp_path, s3_server, bucket):
    """A desk with a review, in which order 1001 waits for it."""
    environment = {"PRINT_DESK_ALLOW_PRIVATE": "1", "PRINT_DESK_USER_HEADER": "X-Forwarded-User"}
    keys = {"access_key": s3_server.keys.access_key, "secret_key": str(s3_server.keys.secret_key)}
    with desk_in(tmp_path, **environment) as desk:
        assert desk.post("/storage", {"url": s3_server.url(bucket, "in"), **keys}).status_code == 303
        scan(desk)
        yield desk


def scan(desk):
    desk.post("/scan")
    deadline = time.monotonic() + PATIENCE
    while desk.get("/scan").json()["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def form(desk, user=ANN):
    """The hidden fields of the only form that accepts files."""
    page = desk.get("/orders", **user).text
    return dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', page))


def test_a_user_accepts_the_files_and_the_next_scan_sends_the_order(reviewed):
    assert "awaiting review" in reviewed.get("/orders").text
    assert reviewed.post("/orders/accept", form(reviewed), **ANN).status_code == 303
    scan(reviewed)
    assert "fulfilled with 1001_1.jpg" in reviewed.get("/orders").text


def test_only_a_signed_in_user_with_the_token_of_the_form_accepts(reviewed):
    fields = form(reviewed)
    assert form(reviewed, {}) == {}
    bob = {"X-Forwarded-User": "bob"}
    refused = [
        reviewed.post("/orders/accept", fields),
        reviewed.post("/orders/accept", fields, **bob),
        reviewed.post("/orders/accept", fields | {"token": "ü"}, **ANN),
        reviewed.post("/orders/accept", fields, **ANN, Origin="https://evil.example"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    scan(reviewed)
    assert "awaiting review" in reviewed.get("/orders").text


def test_files_that_were_replaced_since_are_not_accepted(reviewed, s3_server, bucket):
    seen = form(reviewed)
    s3_server.put(bucket, "in/1001_1.jpg", JPEG + b"\n")
    scan(reviewed)
    refused = reviewed.post("/orders/accept", seen, **ANN)
    assert refused.status_code == 409
    assert "is not that of its files" in refused.text
    assert reviewed.post("/orders/accept", form(reviewed), **ANN).status_code == 303


def test_a_user_accepts_the_files_in_a_browser(reviewed, page, axe):
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": ANN})
    try:
        page.get(f"{reviewed.url}/orders")
        assert "awaiting review" in see(page, "#order-1001 .status")
        for width, scheme in ((1280, "light"), (360, "dark")):
            wide, cut, overlap, contrast = look_at(page, width=width, scheme=scheme)
            assert wide <= width
            assert (cut, overlap) == ([], [])
            assert min(contrast) >= 4.5
            assert accessibility(page, axe)[1] == []
        reason = see(page, "#order-1001 .reason")
        assert reason == "its files are good; compare them with the order in the contact sheet, then accept them"
        page.find_element(By.CSS_SELECTOR, "#order-1001 form button").click()
        see(page, "h1", "Orders")
    finally:
        page.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    scan(reviewed)
    assert "fulfilled with 1001_1.jpg" in reviewed.get("/orders").text
