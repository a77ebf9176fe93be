"""Hostile URLs, and requests that other sites make browsers send, do no harm."""

import asyncio
import re
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from fastapi import HTTPException, Request
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import remote_artwork as ra
from print_desk import pages
from print_desk.database import StorageRow, connect, utc_now
from print_desk.desk import Desk, Settings
from print_desk.merchant_storage import MerchantStorage, Pasted
from print_desk_app import paste, see
from remote_artwork.storage import CheckReport

pytestmark = pytest.mark.server

PRIVATE = (
    "the server has a private network address, so no connection was made; "
    "use a storage that is reachable on the public Internet"
)
A_NUMBER = "its host is a number or an IP address; use the host's name"
A_PASSWORD = "it contains a user name or password before an '@'; remove it and pass credentials separately"
PLAIN = "over plain http, anyone on the network path can change a file; write https://"
REFUSED = {
    "https://10.0.0.5/prints/": A_NUMBER,
    "web+https://10.0.0.5/prints/": PRIVATE,
    "s3+https://192.168.1.10:9000/prints/in/": PRIVATE,
    "https://localhost/prints/": PRIVATE,
    "http://169.254.169.254/latest/meta-data/": A_NUMBER,
    "web+https://169.254.169.254/latest/meta-data/": PRIVATE,
    "http://metadata.google.internal/computeMetadata/v1/": PLAIN,
    "https://user:hush-hush@prints.example/in/": A_PASSWORD,
    "s3://AKIAEXAMPLE:hush-hush@prints/in/": A_PASSWORD,
    "web+http://prints.example/in/": "http://prints.example is not encrypted; use https",
    "file:///etc/": "is a folder of this machine, which is not allowed; use the URL of a bucket",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_forbidden_url_is_refused_with_a_message_for_merchants(page, desk, url):
    paste(page, desk, f"{url}{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert REFUSED[url] in answer
    assert "NetworkPolicy" not in answer
    assert "hush" not in answer
    assert "No storage is set up" in see(page, "#saved")
    assert page.find_element(By.NAME, "url").get_property("value") == url  # only the browser keeps it


def test_the_name_of_a_metadata_service_is_refused_everywhere(page, desk):
    """In Google's cloud, the name resolves to a private address. Elsewhere it is unknown."""
    paste(page, desk, f"https://metadata.google.internal/computeMetadata/v1/{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert "the host name is not known" in answer or "could not be looked up" in answer or PRIVATE in answer


@pytest.mark.parametrize("form", ["web+{}/in/", "s3+{}/prints/in/?provider=minio"])
def test_a_url_that_redirects_is_refused_and_not_followed(page, local_desk, faulty_server, web_server, form):
    faulty_server.redirect_to = f"{web_server.origin}/in/"
    faulty_server.answer(*["redirect"] * 9)
    paste(page, local_desk, f"{form.format(faulty_server.endpoint)}{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert re.search(r"redirects \(HTTP 302\).*use the address to which it redirects", answer)
    assert web_server.folder.requests == []


def test_one_key_of_a_pair_is_refused(page, desk):
    paste(page, desk, "s3://prints/in/?region=eu-west-1")
    page.find_element(By.NAME, "access_key").send_keys(f"AKIAEXAMPLE{Keys.ENTER}")
    assert "one of the two keys is missing" in see(page, "#answer", "Nothing was saved.")


@pytest.mark.parametrize(
    "path", ["/scan", "/orders/accept", "/storage", "/storage/check", "/storage/delete", "/storage/recognized"]
)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1", "https://127.0.0.1.evil.example", "http://["]
)
def test_requests_from_other_sites_are_refused(desk, path, origin):
    answer = desk.post(path, {"url": "s3://prints/in/"}, Origin=origin)
    assert answer.status_code == 403
    assert desk.post("/storage/recognized", {"url": "s3://prints/in/"}).status_code == 200


def test_an_unknown_host_name_is_refused(desk):
    assert desk.get("/", Host="evil.example").status_code == 400
    assert desk.get("/orders").status_code == 200


def test_every_response_forbids_frames_and_foreign_scripts(desk):
    for path in ("/orders", "/storage", "/static/desk.js", "/contact-sheet"):
        answer = desk.get(path)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_no_path_leaves_the_folder_of_static_files(desk):
    for path in ("../pages.py", "..%2Fpages.py", "%2e%2e/pages.py", f"{quote('/etc/passwd', safe='')}"):
        assert desk.get(f"/static/{path}").status_code == 404


def test_keys_are_in_no_database_error_and_in_no_public_folder(desk, tmp_path):
    assert desk.log.with_name("data").stat().st_mode & 0o077 == 0
    engine = connect(f"sqlite:///{tmp_path / 'desk.db'}")
    row = {"id": 1, "url": "s3://prints/", "secret_key": "hush-hush", "checked_at": utc_now(), "check": {}}
    with engine.begin() as connection:
        connection.execute(sa.insert(StorageRow).values(row))
        with pytest.raises(sa.exc.IntegrityError) as error:
            connection.execute(sa.insert(StorageRow).values(row))
    engine.dispose()
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("then", [None, Pasted("s3://others/in/?region=eu-west-1", "AKIAOTHER", "hush-other")])
def test_a_storage_deleted_or_replaced_during_its_check_does_not_come_back(tmp_path, monkeypatch, then):
    engine = connect(f"sqlite:///{tmp_path / 'desk.db'}")
    storage = MerchantStorage(engine, ra.NetworkPolicy())
    good = CheckReport.of_refusal("list", ra.ConfigurationError("any"))
    storage._save(Pasted("s3://prints/in/?region=eu-west-1", "AKIAEXAMPLE", "hush-hush"), good)

    def delete_or_replace(*_, **__):
        storage.delete()
        if then is not None:
            storage._save(then, good)
        return good

    monkeypatch.setattr("print_desk.merchant_storage.check_location", delete_or_replace)
    storage.check_again()
    assert storage._saved() == then
    engine.dispose()


def test_keys_are_in_no_public_file_even_in_an_existing_public_folder(tmp_path):
    tmp_path.chmod(0o755)
    desk = Desk.open(Settings(home=tmp_path, hosts=(), network=ra.NetworkPolicy()))
    desk.storage._save(
        Pasted("s3://prints/in/?region=eu-west-1", "AKIAEXAMPLE", "hush-hush"),
        CheckReport.of_refusal("list", ra.ConfigurationError("any")),
    )
    readable = [file for file in tmp_path.glob("desk.db*") if file.stat().st_mode & 0o077]
    desk.close()
    assert readable == []


def test_a_notification_is_read_only_to_its_limit():
    async def endless():
        return {"type": "http.request", "body": b"x" * 500_000, "more_body": True}

    with pytest.raises(HTTPException) as refused:
        asyncio.run(pages.notified(Request({"type": "http", "headers": []}, endless), None, "minio"))
    assert refused.value.status_code == 413
