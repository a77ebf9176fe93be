from __future__ import annotations

import itertools
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

import gcs_server as gcs
import remote_artwork as ra
from parts import package

pytestmark = pytest.mark.server

HOUR = timedelta(hours=1)
numbers = itertools.count(1)


@pytest.fixture
def bucket(gcs_server):
    return gcs_server.create_bucket(f"prints-{next(numbers)}")


@pytest.fixture
def open_gcs(gcs_server, local_network):
    def open_(bucket, prefix="in/", **options):
        return gcs.open_gcs(gcs_server, bucket, local_network, prefix=prefix, **options)

    return open_


def files(storage):
    return {
        page.names[position]: page.file(position) for page in storage.pages() for position in range(len(page.names))
    }


def download(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def test_a_listing_names_every_file_below_the_folder_and_nothing_else(gcs_server, bucket, open_gcs):
    for key in ["in/1001_1.png", "in/sub/2.pdf", "in2/3.png", "out/4.png"]:
        gcs_server.put(bucket, key)
    assert set(files(open_gcs(bucket))) == {"1001_1.png", "sub/2.pdf"}
    assert set(files(open_gcs(bucket, ""))) == {"in/1001_1.png", "in/sub/2.pdf", "in2/3.png", "out/4.png"}


def test_odd_keys_arrive_as_they_are_and_can_be_used(gcs_server, bucket, open_gcs):
    odd = ["a b.png", "a+b.png", "a%2Fb.png", "%41.png", "ü.png", "u\u0308.png", "a&<>'\".png", "x?generation=1", "#1"]
    for key in odd:
        gcs_server.put(bucket, f"in/{key}", key.encode())
    storage = open_gcs(bucket)
    found = files(storage)
    assert set(found) == set(odd)
    for name, file in found.items():
        assert storage.stat(name) == file
        assert storage.reader(file).read(0, 100) == name.encode()
        assert download(storage.url(file, expires_in=HOUR)[0]) == name.encode()


def test_names_that_would_lead_out_of_the_folder_are_left_out(faulty_google, local_network):
    faulty_google.answer("impossible names")
    storage = gcs.open_gcs(faulty_google, "b", local_network)
    assert set(files(storage)) == {"good.png", "two..dots.png"}
    with pytest.raises(ra.FileGone, match="no name"):
        storage.stat("../secret.png")
    assert storage.requests == {"list": 1, "head": 0, "get": 0}


def test_a_listing_of_more_than_a_thousand_files_is_whole_and_costs_a_request_a_page(gcs_server, bucket, open_gcs):
    names = {f"{number}_1.png" for number in range(1005)}
    for name in names:
        gcs_server.put(bucket, f"in/{name}")
    storage = open_gcs(bucket)
    pages = list(storage.pages())
    assert [len(page.names) for page in pages] == [1000, 5]
    assert {name for page in pages for name in page.names} == names
    assert storage.requests == {"list": 2, "head": 0, "get": 0}


def test_a_long_lived_storage_sees_new_files_and_forgets_removed_ones(gcs_server, bucket, open_gcs):
    storage = open_gcs(bucket)
    assert files(storage) == {}
    gcs_server.put(bucket, "in/a.png")
    assert set(files(storage)) == {"a.png"}
    gcs_server.delete(bucket, "in/a.png")
    assert files(storage) == {}


def test_a_bucket_that_does_not_exist_is_not_an_empty_one(open_gcs):
    with pytest.raises(ra.LocationNotFound, match="no-such-bucket"):
        files(open_gcs("no-such-bucket"))


def test_a_missing_file_costs_one_request_and_is_gone(bucket, open_gcs):
    storage = open_gcs(bucket)
    with pytest.raises(ra.FileGone, match=r"'nope\.png'"):
        storage.stat("nope.png")
    assert storage.requests == {"list": 0, "head": 1, "get": 0}


def test_a_replaced_file_is_not_read_as_the_old_one(gcs_server, bucket, open_gcs):
    generation = gcs_server.put(bucket, "in/a.png", b"first")
    storage = open_gcs(bucket)
    file = storage.stat("a.png")
    assert file.version_id == file.version == generation
    gcs_server.put(bucket, "in/a.png", b"other")
    assert file.version != storage.stat("a.png").version
    with pytest.raises(ra.FileGone):
        storage.reader(file).read(0, 5)
    assert storage.reader(storage.stat("a.png")).read(0, 5) == b"other"


def test_a_reader_fetches_no_piece_twice(gcs_server, bucket, open_gcs):
    content = bytes(range(256)) * 2000
    gcs_server.put(bucket, "in/a.png", content)
    storage = open_gcs(bucket)
    reader = storage.reader(storage.stat("a.png"))
    assert reader.read(0, 8) == content[:8]
    assert reader.read(len(content) - 8, 100) == content[-8:]
    assert reader.read(0, len(content)) == content
    assert storage.requests["get"] == 3


def test_an_anonymous_url_is_plain_and_lives_as_long_as_the_file(gcs_server, bucket, open_gcs):
    gcs_server.put(bucket, "in/a b+ü.png")
    storage = open_gcs(bucket)
    url, expires_at = storage.url(files(storage)["a b+ü.png"], expires_in=HOUR)
    assert url == f"{gcs_server.endpoint}/{bucket}/in/a%20b%2B%C3%BC.png"
    assert expires_at is None


def test_a_signed_url_is_of_one_generation_and_says_until_when_it_works(
    gcs_server, bucket, open_gcs, service_account_key
):
    gcs_server.put(bucket, "in/a b.png", b"first")
    file = open_gcs(bucket).stat("a b.png")
    storage = open_gcs(bucket, credentials=ra.ServiceAccount(service_account_key))
    before = datetime.now(UTC).replace(microsecond=0)
    url, expires_at = storage.url(file, expires_in=HOUR)
    assert before + HOUR <= expires_at <= datetime.now(UTC) + HOUR
    assert download(url) == b"first"
    gcs_server.put(bucket, "in/a b.png", b"other")
    with pytest.raises(urllib.error.HTTPError):
        download(url)
    assert storage.requests == {"list": 0, "head": 0, "get": 0}


def test_a_signed_url_holds_for_google_itself(service_account_key):
    padding = package("cryptography.hazmat.primitives.asymmetric.padding")
    from cryptography.hazmat.primitives.hashes import SHA256, Hash
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    storage = ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(service_account_key))
    file = ra.StoredFile(name="a b+ü.png", size=1, etag="17", version_id="17")
    url, _ = storage.url(file, expires_in=timedelta(days=7))
    address, _, signature = url.partition("&X-Goog-Signature=")
    parts = urlsplit(address)
    assert address.startswith("https://storage.googleapis.com/prints/in/a%20b%2B%C3%BC.png?")
    query = {name: value for name, [value] in parse_qs(parts.query).items()}
    assert query["generation"] == "17"
    assert query["X-Goog-Expires"] == "604800"
    # As Google's documents describe it, put together here a second time.
    request = f"GET\n{parts.path}\n{parts.query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = Hash(SHA256())
    digest.update(request.encode())
    scope = query["X-Goog-Credential"].partition("/")[2]
    signed = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest.finalize().hex()}"
    key = load_pem_private_key(service_account_key["private_key"].encode(), None).public_key()
    key.verify(bytes.fromhex(signature), signed.encode(), padding.PKCS1v15(), SHA256())
    with pytest.raises(ra.ConfigurationError, match="seven days"):
        storage.url(file, expires_in=timedelta(days=8))


def test_one_storage_serves_several_threads_and_counts_every_request(gcs_server, bucket, open_gcs):
    gcs_server.put(bucket, "in/a.png")
    storage = open_gcs(bucket)
    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(lambda _: storage.stat("a.png").size, range(40)))
    assert sizes == [1] * 40
    assert storage.requests["head"] == 40


@pytest.mark.parametrize("module", ["gcsfs", "gcsfs.core"])
def test_a_file_system_handed_over_works_like_a_url(gcs_server, bucket, module):
    gcs_server.put(bucket, "in/a.png", b"content")
    fs = package(module).GCSFileSystem(token="anon", endpoint_url=gcs_server.endpoint, project="tests")
    storage = ra.ArtworkStorage(fs, f"gs://{bucket}/in")
    assert storage.location == f"gs://{bucket}/in"
    file = files(storage)["a.png"]
    assert storage.stat("a.png") == file
    assert storage.reader(file).read(0, 7) == b"content"
    assert download(storage.url(file, expires_in=HOUR)[0]) == b"content"


def test_nothing_of_this_machines_google_settings_is_used(
    gcs_server, bucket, open_gcs, faulty_google, monkeypatch, tmp_path, service_account_key
):
    bait = tmp_path / "bait.json"
    ours = dict.fromkeys(("client_id", "client_secret", "refresh_token"), "ours")
    bait.write_text(json.dumps({"type": "authorized_user"} | ours))
    for name, value in {
        "STORAGE_EMULATOR_HOST": faulty_google.endpoint,
        "GOOGLE_APPLICATION_CREDENTIALS": str(bait),
        "GOOGLE_CLOUD_PROJECT": "ours",
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "ours.example",
        "GCE_METADATA_HOST": faulty_google.endpoint.removeprefix("http://"),
        "HTTP_PROXY": faulty_google.endpoint,
        "http_proxy": faulty_google.endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    import fsspec.config

    settings = {"token": str(bait), "endpoint_url": faulty_google.endpoint, "requester_pays": "ours"}
    for protocol in ("gs", "gcs"):
        monkeypatch.setitem(fsspec.config.conf, protocol, settings)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # for this test's own requests
    gcs_server.put(bucket, "in/a.png", b"content")
    monkeypatch.delenv("NO_PROXY")
    storage = open_gcs(bucket)
    file = files(storage)["a.png"]
    assert storage.reader(file).read(0, 7) == b"content"
    assert storage.url(file, expires_in=HOUR)[0].startswith(gcs_server.endpoint)
    at_google = ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(service_account_key))
    assert at_google.url(file, expires_in=HOUR)[0].startswith("https://storage.googleapis.com/prints/in/a.png?")
    fs = ra.open_storage("gs://prints/in/")._pager._fs
    assert fs.base == "https://storage.googleapis.com/storage/v1/"
    assert fs.credentials.credentials is None
    assert not fs.requester_pays
    assert faulty_google.requests == []
