"""What is pasted into the print desk, and what other sites have browsers send to it, does no harm."""

import re
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import remote_artwork as ra
from print_desk.database import StorageRow, connect, utc_now
from print_desk.desk import Desk, Settings
from print_desk.merchant_storage import MerchantStorage, Pasted
from print_desk_host import paste, see
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
def test_what_a_merchant_must_not_open_is_refused_in_words_a_merchant_understands(page, desk, url):
    paste(page, desk, f"{url}{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert REFUSED[url] in answer
    assert "NetworkPolicy" not in answer
    assert "hush" not in answer
    assert "Nothing is set up" in see(page, "#kept")
    assert page.find_element(By.NAME, "url").get_property("value") == url  # to be mended, in the browser alone


def test_the_name_of_a_metadata_service_is_refused_wherever_the_desk_runs(page, desk):
    """In Google's cloud it leads to a private address; elsewhere nobody knows it."""
    paste(page, desk, f"https://metadata.google.internal/computeMetadata/v1/{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert "the host name is not known" in answer or "could not be looked up" in answer or PRIVATE in answer


@pytest.mark.parametrize("form", ["web+{}/in/", "s3+{}/prints/in/?provider=minio"])
def test_a_url_that_redirects_is_refused_and_not_followed(page, home_desk, faulty_server, web_server, form):
    faulty_server.redirect_to = f"{web_server.origin}/in/"
    faulty_server.answer(*["redirect"] * 9)
    paste(page, home_desk, f"{form.format(faulty_server.endpoint)}{Keys.ENTER}")
    answer = see(page, "#answer", "Nothing was saved.")
    assert re.search(r"redirects \(HTTP 302\).*use the address to which it redirects", answer)
    assert web_server.folder.requests == []


def test_one_half_of_a_key_pair_is_not_taken(page, desk):
    paste(page, desk, "s3://prints/in/?region=eu-west-1")
    page.find_element(By.NAME, "access_key").send_keys(f"AKIAEXAMPLE{Keys.ENTER}")
    assert "keys come in pairs" in see(page, "#answer", "Nothing was saved.")


@pytest.mark.parametrize("path", ["/scan", "/storage", "/storage/check", "/storage/forget", "/storage/recognized"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1", "https://127.0.0.1.evil.example", "http://["]
)
def test_no_other_site_can_make_a_browser_do_anything(desk, path, origin):
    answer = desk.post(path, {"url": "s3://prints/in/"}, Origin=origin)
    assert answer.status_code == 403
    assert desk.post("/storage/recognized", {"url": "s3://prints/in/"}).status_code == 200


def test_a_name_that_is_not_the_desks_own_is_refused(desk):
    assert httpx.get(desk.url, headers={"Host": "evil.example"}).status_code == 400
    assert httpx.get(f"{desk.url}/orders").status_code == 200


def test_every_answer_forbids_frames_and_other_sites_scripts(desk):
    for path in ("/orders", "/storage", "/static/desk.js", "/contact-sheet"):
        answer = httpx.get(f"{desk.url}{path}")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_no_path_leads_out_of_the_desks_own_files(desk):
    for path in ("../pages.py", "..%2Fpages.py", "%2e%2e/pages.py", f"{quote('/etc/passwd', safe='')}"):
        assert httpx.get(f"{desk.url}/static/{path}").status_code == 404


def test_keys_are_in_no_error_of_the_database_and_in_no_folder_that_others_may_open(desk, tmp_path):
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
def test_what_is_forgotten_or_replaced_while_it_is_checked_again_does_not_come_back(tmp_path, monkeypatch, then):
    engine = connect(f"sqlite:///{tmp_path / 'desk.db'}")
    storage = MerchantStorage(engine, ra.NetworkPolicy())
    good = CheckReport.of_refusal("list", ra.ConfigurationError("as good as any"))
    storage._keep(Pasted("s3://prints/in/?region=eu-west-1", "AKIAEXAMPLE", "hush-hush"), good)

    def meanwhile(*_, **__):
        storage.forget()
        if then is not None:
            storage._keep(then, good)
        return good

    monkeypatch.setattr("print_desk.merchant_storage.check_location", meanwhile)
    storage.check_again()
    assert storage._kept() == then
    engine.dispose()


def test_keys_are_in_no_file_that_others_may_read_where_the_folder_was_there_before(tmp_path):
    tmp_path.chmod(0o755)
    desk = Desk.open(Settings(home=tmp_path, hosts=(), network=ra.NetworkPolicy()))
    desk.storage._keep(
        Pasted("s3://prints/in/?region=eu-west-1", "AKIAEXAMPLE", "hush-hush"),
        CheckReport.of_refusal("list", ra.ConfigurationError("as good as any")),
    )
    readable = [file for file in tmp_path.glob("desk.db*") if file.stat().st_mode & 0o077]
    desk.close()
    assert readable == []
