from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from attrs import evolve

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage import location as location_module
from remote_artwork.storage.location import Location, parse_with_sas
from remote_artwork.storage.providers import ProviderTable
from remote_artwork.storage.storage import open_storage

CORPUS = tomllib.loads(Path(__file__).with_name("url_corpus.toml").read_text(encoding="utf-8"))
REFUSED = [(row["url"], row["message"]) for row in CORPUS["refused"]]
READ = [(name, row) for name, rows in CORPUS.items() if name != "refused" for row in rows]
PLAIN = {"bucket": "", "prefix": "", "endpoint": None, "region": None, "style": "path", "account": None}


def test_the_corpus_has_no_missing_part():
    assert len(READ) >= 110
    assert len(REFUSED) >= 100


@pytest.mark.parametrize(("provider", "row"), READ, ids=[row["url"] for _, row in READ])
def test_a_url_that_people_paste_is_parsed(provider, row):
    location = Location.parse(row["url"])
    fields = {name: row.get(name, usual) for name, usual in PLAIN.items()}
    assert location == Location(provider=provider, **fields)
    assert str(location) == row["form"]
    assert ("note" in row) == bool(location.notes)
    assert row.get("note", "") in "".join(location.notes)


@pytest.mark.parametrize(("provider", "row"), READ, ids=[row["url"] for _, row in READ])
def test_the_canonical_url_parses_to_the_same_value(provider, row):
    location = Location.parse(row["url"])
    assert Location.parse(str(location)) == location
    assert location.provider == provider


@pytest.mark.parametrize(("url", "message"), REFUSED, ids=[repr(url) for url, _ in REFUSED])
def test_a_refused_url_has_a_reason_and_a_remedy_and_repeats_no_secret(url, message):
    with pytest.raises(InvalidLocation) as refusal:
        Location.parse(url)
    assert message in str(refusal.value)
    assert "; " in str(refusal.value), "it has a remedy"
    assert "secret" not in f"{refusal.value} {refusal.value.__cause__}"


SAS = "sv=2024-11-04&si=all&sp=rl&sr=c&sig=a%2Fb%3D"


@pytest.mark.parametrize(
    "url",
    [
        f"https://shopfiles.blob.core.windows.net/prints/in?{SAS}",
        f"https://shopfiles.blob.core.windows.net/prints/in?provider=azure&{SAS}",
        f"abfss://prints@shopfiles.dfs.core.windows.net/in?{SAS}",
        f"az://prints@shopfiles/in?{SAS}",
        f"https://shopfiles.blob.core.windows.net/prints?restype=container&comp=list&prefix=in/&{SAS}",
    ],
)
def test_a_sas_is_returned_as_written_and_is_not_in_the_location(url):
    location, secret = parse_with_sas(url)
    assert secret == SAS
    assert str(location) == "az://prints@shopfiles/in/"
    assert "sig" not in repr(location)


def test_a_url_without_a_sas_returns_none():
    assert parse_with_sas("az://prints@shopfiles/")[1] is None


@pytest.mark.parametrize(
    ("url", "protocol", "root"),
    [
        ("s3://prints/in/new/", "s3", "prints/in/new"),
        ("s3://prints", "s3", "prints"),
        ("s3+http://127.0.0.1:9000/prints/in", "s3", "prints/in"),
        ("gs://prints/in", "gcs", "prints/in"),
        ("s3+https://storage.googleapis.com/prints", "s3", "prints"),
        ("az://prints@shopfiles/in", "azure", "prints/in"),
        ("https://files.example.com/prints%20in/", "http", "https://files.example.com/prints%20in"),
        ("file:///srv/prints%20in/", "file", "/srv/prints in"),
        ("file:///", "file", "/"),
        ("memory://prints/in", "memory", "/prints/in"),
        ("memory://", "memory", "/"),
        ("sftp://files.example.com/in", "sftp", "sftp://files.example.com/in"),
    ],
)
def test_protocol_and_root_for_fsspec(url, protocol, root):
    location = Location.parse(url)
    assert (location.protocol, location.root) == (protocol, root)


def test_the_provider_can_be_named_for_an_unknown_host():
    location = Location.parse("https://files.example.com/prints/in", provider="minio")
    assert (location.provider, location.bucket, location.prefix) == ("minio", "prints", "in/")
    assert Location.parse("https://files.example.com/prints/in").provider == "web"


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("s3+https://files.example.com/prints?provider=minio", "zadara"),
        ("s3://prints", "gcs"),
        ("gs://prints", "aws"),
        ("az://prints@shopfiles", "aws"),
        ("memory://prints", "file"),
        ("/srv/prints", "memory"),
        ("sftp://files.example.com/in", "minio"),
        ("https://files.example.com/prints", "gcs"),
        ("https://vsa-0000000a-cloud.zadara.com/v1/AUTH_0a/prints", "minio"),
        ("s3://prints", "nobody"),
    ],
)
def test_a_provider_that_contradicts_the_url_is_refused(url, provider):
    with pytest.raises(InvalidLocation, match="provider"):
        Location.parse(url, provider=provider)


@pytest.mark.parametrize("url", [None, 7, b"s3://prints", ["s3://prints"]])
def test_a_url_that_is_not_text_is_refused(url):
    with pytest.raises(InvalidLocation, match="not text"):
        Location.parse(url)


def test_a_very_long_url_is_refused():
    with pytest.raises(InvalidLocation, match="longer"):
        Location.parse("s3://prints/" + "x" * 9000)


def test_notes_are_ignored_in_comparisons():
    rewritten = Location.parse("https://prints.nyc3.cdn.digitaloceanspaces.com/in")
    plain = Location.parse("https://prints.nyc3.digitaloceanspaces.com/in")
    assert rewritten == plain
    assert hash(rewritten) == hash(plain)
    assert rewritten.notes != plain.notes


GOOD = {"provider": "minio", "bucket": "prints", "endpoint": "https://files.example.com", "region": "us-east-1"}


@pytest.mark.parametrize(
    "flaw",
    [
        {"provider": "Minio!"},
        {"bucket": ""},
        {"bucket": "a/b"},
        {"bucket": "..", "prefix": "x/"},
        {"bucket": "prints--use1-az4--x-s3"},
        {"prefix": "in"},
        {"prefix": "/in/"},
        {"prefix": "in/../x/"},
        {"prefix": "in\n/"},
        {"endpoint": "files.example.com"},
        {"endpoint": "ftp://files.example.com"},
        {"endpoint": "https://user@files.example.com"},
        {"endpoint": "https://files.example.com/x"},
        {"endpoint": "https://files.example.com:443"},
        {"endpoint": "https://FILES.example.com"},
        {"region": "eu west"},
        {"style": "odd"},
        {"account": "evil.example/x"},
        {"provider": "azure", "account": "evil.example/x"},
        {"provider": "azure", "account": "ab"},
        {"provider": "azure"},
        {"provider": "web"},
        {"provider": "web", "bucket": "", "endpoint": None},
    ],
    ids=repr,
)
def test_a_location_with_an_invalid_part_is_refused(flaw):
    assert Location(**GOOD)
    with pytest.raises(InvalidLocation):
        Location(**(GOOD | flaw))


@pytest.mark.parametrize(
    "parts",
    [
        {"provider": "azure", "account": "shopfiles", "bucket": "prints", "endpoint": "https://evil.example"},
        {
            "provider": "azure",
            "account": "shopfiles",
            "bucket": "prints",
            "endpoint": "https://others.blob.core.usgovcloudapi.net",
        },
        {"provider": "minio", "bucket": "prints"},
        {"provider": "minio", "bucket": "prints", "endpoint": "https://files.example.com"},
        {"provider": "minio", "bucket": "prints", "endpoint": "https://s3.amazonaws.com", "region": "us-east-1"},
        {"provider": "aws", "bucket": "prints", "style": "path"},
        {"provider": "aws", "bucket": "prints", "endpoint": "https://evil.example", "region": "us-east-1"},
        {"provider": "gcs", "bucket": "prints", "style": "virtual"},
        {"provider": "gcs", "bucket": "prints", "region": "eu"},
        {"provider": "gcs", "bucket": "prints", "endpoint": "https://evil.example", "region": "auto"},
        {"provider": "web", "endpoint": "https://s3.amazonaws.com"},
        {"provider": "web", "endpoint": "https://files.example.com", "account": "shop"},
        {"provider": "file", "prefix": "srv/"},
        {"provider": "simplecache", "prefix": "files.example.com/"},
        {"provider": "sftp", "prefix": "shop:hush@files.example.com/"},
    ],
    ids=repr,
)
def test_parts_that_no_url_means_together_are_refused(parts):
    with pytest.raises(InvalidLocation) as refusal:
        Location(**parts)
    assert "hush" not in str(refusal.value)


def test_a_location_can_be_changed_to_what_a_url_can_mean():
    found = evolve(Location.parse("https://prints.s3.dualstack.eu-west-1.amazonaws.com/in/"), prefix="new/")
    assert str(found) == "s3://prints/new/?region=eu-west-1"
    assert found.notes
    assert str(evolve(Location.parse("s3://prints/in/"), region="eu-west-1")) == "s3://prints/in/?region=eu-west-1"


@pytest.mark.parametrize(
    "parts", [{"provider": "Minio!"}, {"region": "eu west"}, {"account": "A b"}, {"endpoint": "x"}]
)
def test_an_invalid_part_is_named(parts):
    with pytest.raises(InvalidLocation, match=r"is not") as refusal:
        Location(**(GOOD | parts))
    assert "; " in str(refusal.value)


def test_an_invalid_port_is_named():
    with pytest.raises(InvalidLocation, match="its port is invalid"):
        Location.parse("https://files.example.com:0/in")


@pytest.mark.parametrize(
    ("url", "title"),
    [("s3://prints/in/", "Amazon S3"), ("gs://prints/", "Google Cloud Storage"), ("ftp://h/x/", "ftp")],
)
def test_a_provider_has_a_title_for_people(url, title):
    assert Location.parse(url).provider_title == title


@pytest.mark.parametrize(
    ("url", "lookups"),
    [
        ("s3://prints/in/", 0),
        ("https://prints.s3.eu-west-1.amazonaws.com/in/", 1),
        ("https://prints.nyc3.digitaloceanspaces.com/in/", 2),
        ("s3+https://files.example.com/prints/in/?provider=minio", 2),
        ("az://prints@shopfiles/in/", 0),
        ("https://files.example.com/in/", 1),
    ],
)
def test_opening_a_storage_parses_its_url_once(monkeypatch, url, lookups):
    """The second look-up of a host is for the canonical URL, which leaves out what the host implies."""
    calls = {"parse_url": 0, "match_host": 0}

    def count(owner, name):
        original = getattr(owner, name)

        def counted(*arguments):
            calls[name] += 1
            return original(*arguments)

        monkeypatch.setattr(owner, name, counted)

    count(location_module, "parse_url")
    count(ProviderTable, "match_host")
    open_storage(url)
    assert calls == {"parse_url": 1, "match_host": lookups}
