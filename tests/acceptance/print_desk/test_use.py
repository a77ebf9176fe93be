"""The print desk in a real browser: enter a URL, check it, scan, and see the fulfilled order."""

import itertools
import threading
import time

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import look_at
from print_desk_app import EVIL, PATIENCE, desk_in, paste, see
from shop_files import PNG

pytestmark = pytest.mark.server


def looks_right(page, width, scheme):
    wide, cut, overlap, contrast = look_at(page, width=width, scheme=scheme)
    assert wide <= width
    assert (cut, overlap) == ([], [])
    assert min(contrast) >= 4.5


def test_a_merchant_enters_a_url_checks_it_scans_and_sees_the_result(page, local_desk, s3_server, bucket):
    paste(page, local_desk, s3_server.url(bucket, "in"), s3_server.keys)
    recognized = see(page, "#recognized", "Region").splitlines()
    expected = {"Provider": "MinIO", "Endpoint": s3_server.endpoint, "Bucket": bucket, "Folder": "in/"}
    assert recognized == ["Recognized", *itertools.chain(*expected.items()), "Region", "us-east-1"]
    page.find_element(By.NAME, "url").send_keys(Keys.ENTER)
    verdict = see(page, "#saved", "Files can be listed and read.")
    assert "a key pair, which is never shown again" in verdict
    assert "1001_1.jpg can be read" in verdict
    assert [field.get_property("value") for field in page.find_elements(By.TAG_NAME, "input")] == ["", "", ""]

    page.find_element(By.LINK_TEXT, "Orders").click()
    assert see(page, "#order-1001").count("not scanned yet") == 2
    page.find_element(By.XPATH, "//button[text()='Scan now']").click()
    assert see(page, "#order-1001", "fulfilled with 1001_1.jpg").count("\nfulfilled\n") == 2
    assert "waits for 1002_1" in see(page, "#order-1002", "missing")
    assert "the file is a PNG picture; rename it to end in .png" in see(page, "#order-1003", "rejected")
    assert see(page, "h2:has(+ .orders)", "Waiting") == "Waiting for approval 4"
    assert "1002_1.pdf" in see(page, ".files", "1002-1.pdf")
    assert f"1005_1{EVIL}.png" in see(page, ".files")
    for width, scheme in itertools.product((1280, 720, 360), ("light", "dark")):
        looks_right(page, width, scheme)

    s3_server.put(bucket, "in/1003_1.png", PNG)
    s3_server.delete(bucket, "in/1003_1.pdf")
    page.find_element(By.XPATH, "//button[text()='Scan now']").click()
    assert see(page, "#changes", "resolved") == "Problems since the scan before: 0 new, 1 resolved, 0 still open."

    page.find_element(By.PARTIAL_LINK_TEXT, "Contact sheet").click()
    assert see(page, ".card[data-status=fulfilled]", "1003")
    assert page.execute_script("return [...document.images].filter(i => i.naturalWidth > 0).length") == 1
    page.back()

    for path in ("/orders", "/storage"):
        page.get(f"{local_desk.url}{path}")
        assert s3_server.keys.secret_key not in page.page_source
        assert s3_server.keys.access_key not in page.page_source
        assert "taken" not in page.title
    assert page.get_log("browser") == []
    assert s3_server.keys.secret_key not in local_desk.log.read_text(encoding="utf-8")


class Gate(dict):
    """Files that the server delivers only after the gate is opened."""

    def __init__(self, *files):
        super().__init__(*files)
        self.opened = threading.Event()

    def get(self, *name):
        self.opened.wait(PATIENCE)
        return super().get(*name)


def test_a_running_scan_shows_its_progress(page, local_desk, web_server):
    web_server.folder.files = {"1005_1.png": PNG}
    assert local_desk.post("/storage", {"url": web_server.url}).status_code == 303
    gate = web_server.folder.files = Gate({"1005_1.png": PNG})
    web_server.folder.requests.clear()
    page.get(f"{local_desk.url}/orders")
    page.find_element(By.XPATH, "//button[text()='Scan now']").click()
    assert see(page, "#progress") == "Reading pending orders"
    assert not page.find_element(By.XPATH, "//button[text()='Scan now']").is_enabled()
    assert local_desk.post("/scan").status_code == 303  # no second scan starts
    gate.opened.set()
    assert see(page, "#order-1005", "fulfilled with 1005_1.png")
    assert page.find_element(By.ID, "progress").text == ""
    assert web_server.folder.asked("GET").count("/in/") == 1


def test_it_works_without_javascript(local_desk, s3_server, bucket):
    refused = local_desk.post("/storage", {"url": "https://user:hush@prints.example/"})
    assert refused.status_code == 422
    assert "Nothing was saved." in refused.text
    assert "hush" not in refused.text
    keys = {"access_key": s3_server.keys.access_key, "secret_key": s3_server.keys.secret_key}
    saved = local_desk.post("/storage", {"url": s3_server.url(bucket, "in"), **keys})
    assert (saved.status_code, saved.headers["location"]) == (303, "/storage")
    assert local_desk.post("/storage/check").status_code == 303
    assert "a key pair" in local_desk.get("/storage").text
    local_desk.post("/storage/delete")
    assert "No storage is set up" in local_desk.get("/storage").text


@pytest.mark.parametrize("width", [1280, 720, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_is_cut_off_and_nothing_overlaps(page, desk, width, scheme):
    paste(page, desk, f"web+https://10.0.0.5/prints/{Keys.ENTER}")
    see(page, "#answer", "Nothing was saved.")
    looks_right(page, width, scheme)
    page.get(f"{desk.url}/orders")
    looks_right(page, width, scheme)


def test_it_can_be_used_with_the_keyboard(page, desk):
    page.get(f"{desk.url}/storage")
    reached = []
    for _ in range(7):
        page.switch_to.active_element.send_keys(Keys.TAB)
        focused = page.switch_to.active_element
        reached.append(focused.get_attribute("name") or focused.text)
    assert reached == ["Skip to the content", "Orders", "Storage", "url", "access_key", "secret_key", "Check and save"]


def test_a_notification_scans_the_order_of_the_new_file(tmp_path, s3_server, bucket):
    secret = "a-secret-of-tests"
    stored = {"bucket": {"name": bucket}, "object": {"key": "in%2F1003_1.png"}}
    body = {"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": stored}]}
    environment = {"PRINT_DESK_ALLOW_PRIVATE": "1", "PRINT_DESK_NOTIFICATION_SECRET": secret}
    with desk_in(tmp_path, **environment) as desk:

        def notify(token, sender="minio", content=body):
            headers = {"Authorization": f"Bearer {token}"}
            url = f"{desk.url}/notifications/{sender}"
            return httpx.post(url, json=content, headers=headers, timeout=PATIENCE).status_code

        assert notify(secret) == 200  # there is no storage yet
        keys = {"access_key": s3_server.keys.access_key, "secret_key": str(s3_server.keys.secret_key)}
        assert desk.post("/storage", {"url": s3_server.url(bucket, "in"), **keys}).status_code == 303
        s3_server.put(bucket, "in/1003_1.png", PNG)
        s3_server.delete(bucket, "in/1003_1.pdf")
        codes = [notify("another secret"), notify(secret, "unknown"), notify(secret, content={"Records": [1]})]
        assert codes == [401, 404, 400]
        assert notify(secret) == 200
        wait_until(lambda: "fulfilled with 1003_1.png" in desk.get("/orders").text)
        assert "fulfilled with 1001_1.jpg" not in desk.get("/orders").text
        wait_until(lambda: not desk.get("/scan").json()["running"])
        desk.post("/scan")
        wait_until(lambda: "fulfilled with 1001_1.jpg" in desk.get("/orders").text)


def test_without_a_secret_there_are_no_notifications(desk):
    assert httpx.post(f"{desk.url}/notifications/minio", json={}, timeout=PATIENCE).status_code == 404


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
