import subprocess
import sys
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidLocation, MissingExtra
from remote_artwork.storage import StoredFile

KEYS = ra.Keys("AKTESTKEY", "hush")
LOCAL = ra.NetworkPolicy(allow_local=True)


def test_a_local_folder_and_memory_open_by_url(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"x")
    storage = ra.open_storage(tmp_path.as_uri(), network=LOCAL)
    assert [name for page in storage.pages() for name in page.names] == ["a b.png"]
    assert ra.open_storage(ra.Location.parse("memory://somewhere/"), network=LOCAL).location == "memory://somewhere/"


def test_a_local_location_takes_no_credentials(tmp_path):
    with pytest.raises(ra.ConfigurationError, match="takes no credentials"):
        ra.open_storage(tmp_path.as_uri(), credentials=KEYS, network=LOCAL)


@pytest.mark.parametrize("url", ["file:///etc/", "FILE://localhost/etc", "local:///etc/", "/etc/", "memory://other/"])
def test_a_local_location_needs_the_operators_permission(url):
    everything_else = ra.NetworkPolicy(allow_private=True, allow_http=True)
    for network in (None, ra.NetworkPolicy(), everything_else):
        with pytest.raises(InvalidLocation, match="allow_local=True"):
            ra.open_storage(url, network=network)
        with pytest.raises(InvalidLocation, match="allow_local=True"):
            ra.open_storage(ra.Location.parse(url), network=network)


@pytest.mark.parametrize("scheme", ["sftp", "ssh", "ftp", "smb", "hdfs", "github", "git", "dask", "webhdfs", "dropbox"])
def test_other_fsspec_protocols_cannot_be_opened_by_url(scheme):
    with pytest.raises(InvalidLocation, match="cannot be opened; create an fsspec file system"):
        ra.open_storage(f"{scheme}://host/folder/", network=LOCAL)


@pytest.mark.parametrize("url", ["simplecache::file:///etc/", "filecache://x/", "reference://x/", "zip://x/", "data:x"])
def test_chained_fsspec_urls_are_refused(url):
    with pytest.raises(InvalidLocation):
        ra.open_storage(url, network=LOCAL)


def test_plain_http_needs_the_operators_permission():
    url = "s3+http://s3.example.com/prints/in/"
    network = ra.NetworkPolicy(allow_http=True)
    assert ra.open_storage(url, network=network).location.startswith("s3+http://s3.example.com/prints/in/")
    with pytest.raises(InvalidLocation):
        ra.open_storage(url)


def test_a_public_web_folder_opens_by_url_and_makes_unsigned_urls():
    storage = ra.open_storage("https://Files.example.com/prints%20in")
    assert storage.location == "https://files.example.com/prints%20in/"
    url, expires_at = storage.url(StoredFile(name="ü +#?.png", size=1, etag="e"), expires_in=timedelta(hours=1))
    assert (url, expires_at) == ("https://files.example.com/prints%20in/%C3%BC%20%2B%23%3F.png", None)


def test_a_public_web_folder_takes_no_credentials_and_no_plain_http():
    with pytest.raises(ra.ConfigurationError, match="takes no credentials") as error:
        ra.open_storage("https://files.example.com/in/", credentials=KEYS)
    assert "hush" not in str(error.value)
    with pytest.raises(InvalidLocation, match="allow_http"):
        ra.open_storage("web+http://files.example.com/in/")


UNSHARED = ra.NetworkPolicy(connect_timeout=1.25)
"""A separate policy, because file systems with the same policy are shared between tests."""


def test_a_missing_package_is_an_error_with_the_pip_command(monkeypatch):
    for package, extra, url in (
        ("s3fs", "s3", "s3://prints/in/?region=eu-west-1"),
        ("gcsfs.core", "gcs", "gs://b/"),
        ("adlfs", "azure", "az://prints@account/in/"),
        ("aiohttp", "web", "https://files.example.com/in/"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        for module in ("azure_client", "gcs_client", "s3_client"):
            monkeypatch.delitem(sys.modules, f"remote_artwork.storage.backends.{module}", raising=False)
        with pytest.raises(MissingExtra, match=rf"pip install 'remote_artwork\[{extra}\]'"):
            ra.open_storage(url, network=UNSHARED)


def test_a_storage_shows_no_keys():
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=KEYS)
    for text in (repr(storage), str(storage), storage.location):
        assert "s3://prints/in/" in text
        assert "AKTESTKEY" not in text
        assert "hush" not in text


def test_an_aws_url_is_signed_for_its_own_host_and_region():
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=KEYS)
    url, _ = storage.url(StoredFile(name="a.png", size=1, etag="e"), expires_in=timedelta(hours=1))
    assert url.startswith("https://prints.s3.eu-west-1.amazonaws.com/in/a.png?")
    assert "%2Feu-west-1%2Fs3%2F" in url


FILE = StoredFile(name="a b.png", size=1, etag="e")
SAS = "sv=2024-11-04&sp=rl&sr=c&se=2999-01-01T00%3A00%3A00Z&sig=aHVzaA%3D%3D"
AZURE_HOSTS = {
    "az://prints@account/in/": "https://account.blob.core.windows.net",
    "https://account.blob.core.windows.net/prints/in": "https://account.blob.core.windows.net",
    "abfss://prints@account.dfs.core.chinacloudapi.cn/in/": "https://account.blob.core.chinacloudapi.cn",
}


@pytest.mark.parametrize("url", AZURE_HOSTS)
def test_an_azure_url_opens_for_its_accounts_own_host(url):
    storage = ra.open_storage(url)
    assert storage.url(FILE, expires_in=timedelta(hours=1)) == (f"{AZURE_HOSTS[url]}/prints/in/a%20b.png", None)


def test_an_azure_account_key_signs_urls_of_a_file():
    storage = ra.open_storage("az://prints@account/in/", credentials=ra.AccountKey("aHVzaA=="))
    url, expires_at = storage.url(FILE, expires_in=timedelta(hours=1))
    assert url.startswith("https://account.blob.core.windows.net/prints/in/a%20b.png?se=")
    assert "aHVzaA" not in url + repr(storage)
    assert expires_at is not None


def test_the_sas_of_a_url_becomes_the_credential_and_is_never_shown():
    storage = ra.open_storage(f"https://account.blob.core.windows.net/prints/in?{SAS}")
    assert "sig" not in repr(storage) + storage.location
    with pytest.raises(ra.ConfigurationError, match=r"share_sas=True.*share_sas: true") as error:
        storage.url(FILE, expires_in=timedelta(hours=1))
    assert "aHVzaA" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [ra.SasToken("sv=1&se=2999-01-01&sig=other"), ra.AccountKey("b3RoZXI="), ra.Ambient(), ra.Anonymous()],
    ids=lambda given: type(given).__name__,
)
def test_a_sas_in_the_url_and_other_credentials_are_refused(given):
    with pytest.raises(InvalidLocation, match="contains a SAS, and other credentials were given, too; ") as refusal:
        ra.open_storage(f"https://account.blob.core.windows.net/prints/in?{SAS}", credentials=given)
    assert "aHVzaA" not in str(refusal.value)
    assert "other&" not in str(refusal.value)


def test_the_sas_of_the_url_may_be_given_again_to_allow_sharing():
    url = f"https://account.blob.core.windows.net/prints/in?{SAS}"
    storage = ra.open_storage(url, credentials=ra.SasToken(SAS, share_sas=True))
    assert storage.url(FILE, expires_in=timedelta(hours=1))[0].endswith(f"/a%20b.png?{SAS}")


def test_a_shared_sas_without_an_expiry_time_is_refused():
    storage = ra.open_storage("az://prints@account/", credentials=ra.SasToken("si=policy&sig=hush", share_sas=True))
    with pytest.raises(ra.ConfigurationError, match=r"\(se\)") as error:
        storage.url(FILE, expires_in=timedelta(hours=1))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("az://prints@account/in/", KEYS),
        ("s3://prints/in/?region=eu-west-1", ra.SasToken("sv=1&sig=hush")),
        ("s3://prints/in/?region=eu-west-1", ra.AccountKey("aHVzaA==")),
    ],
)
def test_credentials_of_another_protocol_are_refused(url, credentials):
    with pytest.raises(ra.ConfigurationError, match=f"not {type(credentials).__name__}"):
        ra.open_storage(url, credentials=credentials)


def test_no_sdk_is_loaded_before_a_location_needs_it():
    loaded = "import sys, remote_artwork.storage.storage; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert "remote_artwork.storage.storage" in modules
    assert not {"s3fs", "aiobotocore", "botocore", "aiohttp", "gcsfs", "adlfs", "azure"} & set(modules)


def test_each_cloud_takes_its_own_credentials(service_account_key):
    account = ra.ServiceAccount(service_account_key)
    with pytest.raises(ra.ConfigurationError, match=r"s3\+https://storage\.googleapis\.com"):
        ra.open_storage("gs://prints/in/", credentials=KEYS)
    with pytest.raises(ra.ConfigurationError, match="takes Keys"):
        ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=account)
    broken = service_account_key | {"private_key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n"}
    with pytest.raises(ra.ConfigurationError, match="private_key cannot be read") as error:
        ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(broken))
    assert "hush" not in str(error.value)


def test_a_google_storage_shows_and_serializes_no_part_of_its_key(service_account_key):
    storage = ra.open_storage("gs://prints/in/", credentials=ra.ServiceAccount(service_account_key))
    fs = storage._backend._fs
    for text in (repr(storage), storage.location, repr(fs), repr(fs.storage_options)):
        assert service_account_key["private_key"][40:80] not in text
