from __future__ import annotations

import logging
import re
import sys
from string import Formatter

import pytest

from remote_artwork.errors import ConfigurationError
from remote_artwork.storage.location import Location
from remote_artwork.storage.provider_table import AWS, PROVIDERS
from remote_artwork.storage.providers import ENTRY_POINTS, HostRule, Provider

MISSION = ["aws", "gcs", "azure", "digitalocean", "zadara", "ibm", "minio", "idrive", "wasabi"]
MORE = [
    "r2",
    "b2",
    "linode",
    "scaleway",
    "hetzner",
    "ovh",
    "oracle",
    "alibaba",
    "tencent",
    "s3",
    "web",
    "file",
    "memory",
]


def test_every_provider_has_one_row():
    assert [row.id for row in PROVIDERS.built_in] == MISSION + MORE


@pytest.mark.parametrize("row", PROVIDERS.built_in, ids=lambda row: row.id)
def test_a_row_is_complete(row):
    assert row.title
    assert bool(row.verified_by) == (row.verified != "not")
    assert row.protocol in ("s3", "gcs", "azure", "http", "file", "memory")
    assert row.hosts or row.custom_hosts or row.id in ("file", "memory")


@pytest.mark.parametrize("row", [row for row in PROVIDERS.built_in if row.protocol == "s3"], ids=lambda row: row.id)
def test_an_s3_host_that_is_not_amazons_names_its_endpoint(row):
    if row.id != "aws":
        assert row.default_region
        assert all(rule.endpoint or rule.refusal for rule in row.hosts)


def test_every_note_belongs_to_a_group_of_its_rule():
    for row in PROVIDERS.built_in:
        for rule in row.hosts:
            assert {name for name in rule.notes if name} <= set(re.compile(rule.host).groupindex)


def test_prices_are_for_a_thousand_requests():
    priced = {row.id: (row.list_price, row.get_price) for row in PROVIDERS.built_in if row.list_price is not None}
    assert priced == {
        "aws": (0.005, 0.0004),
        "idrive": (0.0, 0.0),
        "wasabi": (0.0, 0.0),
        "r2": (0.0045, None),
        "b2": (0.004, None),
    }


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("prints.s3.eu-west-1.amazonaws.com", "aws"),
        ("prints.s3.eu-west-1.amazonaws.com.evil.example", None),
        ("evil-s3.amazonaws.com.co", None),
        ("s3.amazonaws.com\n", None),
        ("xs3.amazonaws.com", None),
        ("vsa-0000000g-cloud.zadara.com", None),
        ("q4n8.or.idrivee2-1234.com", None),
    ],
)
def test_a_rule_must_match_the_whole_host(host, owner):
    match = PROVIDERS.match_host(host, "/prints/")
    assert (match and match.provider.id) == owner


def test_an_unknown_provider_is_none():
    assert PROVIDERS.get("nobody") is None


@pytest.mark.parametrize(
    "flaw",
    [
        {"host": "("},
        {"host": ".*", "path": "["},
        {"host": ".*", "endpoint": "https://{origin}"},
        {"host": ".*", "bucket": "{name}"},
        {"host": ".*", "endpoint": "http://files.example.com"},
        {"host": ".*", "refusal": "a console page; paste the bucket's URL"},
    ],
    ids=repr,
)
def test_an_invalid_rule_is_refused(flaw):
    with pytest.raises(ConfigurationError, match="HostRule"):
        HostRule(**flaw)


@pytest.mark.parametrize("flaw", [{"id": "Acme Files"}, {"list_price": -0.1}, {"get_price": float("nan")}], ids=repr)
def test_a_row_with_an_invalid_field_is_refused(flaw):
    with pytest.raises(ConfigurationError, match="Provider"):
        Provider(**({"id": "acme", "title": "Acme"} | flaw))


def test_templates_use_named_fields():
    for row in PROVIDERS.built_in:
        for template in filter(None, (text for rule in row.hosts for text in (rule.endpoint, rule.bucket))):
            assert all(name is None or name.isidentifier() for _, name, _, _ in Formatter().parse(template))


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """Installs a package with the given entry points, and removes it afterwards."""

    def forget() -> None:
        vars(PROVIDERS).pop("from_packages", None)

    def install(code: str, **points: str) -> None:
        (tmp_path / "acme_files.py").write_text(code)
        info = tmp_path / "acme_files-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-files\nVersion: 1.0\n")
        lines = "".join(f"{name} = acme_files:{attribute}\n" for name, attribute in points.items())
        (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{lines}")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "acme_files", raising=False)
        forget()

    yield install
    forget()


ACME = """
from remote_artwork.storage.providers import HostRule, Provider
ROW = Provider(
    id="{id}", title="Acme Files", default_region="moon-1",
    hosts=(HostRule(host=r"(?P<origin>files\\.acme\\.example|s3\\.amazonaws\\.com)", endpoint="https://{{origin}}"),),
)
"""


def test_another_package_adds_a_provider(other_package):
    other_package(ACME.format(id="acme"), acme="ROW")
    location = Location.parse("https://files.acme.example/prints/in")
    assert (location.provider, location.region) == ("acme", "moon-1")
    assert str(location) == "s3+https://files.acme.example/prints/in/?region=moon-1"
    assert Location.parse(str(location)) == location
    assert Location.parse("https://s3.amazonaws.com/prints").provider == "aws", "built-in rows take precedence"


def test_another_package_cannot_replace_a_built_in_row(other_package):
    other_package(ACME.format(id="aws"), aws="ROW")
    assert PROVIDERS.get("aws") is AWS
    assert Location.parse("https://files.acme.example/prints").provider == "web"


@pytest.mark.parametrize(
    "code", ["raise RuntimeError('broken')", "OTHER = 1", "ROW = 'no provider'", "import nothing_there"]
)
def test_a_broken_entry_point_is_logged_and_changes_nothing(other_package, caplog, code):
    other_package(code, acme="ROW")
    with caplog.at_level(logging.WARNING):
        assert Location.parse("https://files.acme.example/prints").provider == "web"
    assert [record.entry_point for record in caplog.records] == ["acme"]


def test_a_broken_entry_point_does_not_affect_another(other_package):
    other_package(ACME.format(id="acme"), acme="ROW", broken="NOTHING")
    assert [row.id for row in PROVIDERS] == [*MISSION, *MORE, "acme"]


def test_another_package_can_add_only_s3_providers(other_package, caplog):
    other_package(ACME.format(id="acme").replace('id="acme"', 'id="acme", protocol="gcs"'), acme="ROW")
    assert PROVIDERS.get("acme") is None
    assert "provider_entry_point_is_no_s3_provider" in caplog.text


def test_no_entry_point_is_loaded_for_a_built_in_host(other_package):
    other_package("raise SystemExit('loaded')", acme="ROW")
    assert Location.parse("https://prints.s3.amazonaws.com/").provider == "aws"
