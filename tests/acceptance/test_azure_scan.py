"""The main job against a real Azurite over HTTP."""

import urllib.error
import urllib.request
import uuid
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import JPEG, PDF, PNG

pytestmark = pytest.mark.server


@pytest.fixture
def container(azure_server):
    return azure_server.create_container(f"prints-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def shop():
    return FakeShop(
        [
            ra.Order("1001", [ra.OrderItem("1"), ra.OrderItem("2")]),
            ra.Order("1002", [ra.OrderItem("1")]),
            ra.Order("1003", [ra.OrderItem("1")]),
        ]
    )


@pytest.fixture
def furnished(azure_server, container):
    files = {"1001_1.jpg": JPEG, "1001_2.PDF": PDF, "1002_1.pdf": PDF[:400], "9999_1.png": PNG}
    for name, content in files.items():
        azure_server.put(container, f"in/{name}", content)
    return f"{container}/in"


def statuses(report):
    return [item.status for item in report.items]


def test_orders_are_fulfilled_once_from_a_private_container(azure_server, furnished, shop, local_network):
    storage = azure_server.open(furnished, azure_server.key, local_network)
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    report = scanner.scan()
    assert statuses(report) == ["fulfilled", "fulfilled", "rejected", "missing"]
    assert report.names_seen == 4
    assert report.requests["list"] == 1 + 2  # one for each file that is sent, to look beside it
    assert azure_server.key.key not in report.to_json()
    (artwork,) = shop.artwork["1001", "1"]
    with urllib.request.urlopen(artwork.url, timeout=10) as answer:
        assert answer.read() == JPEG
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(artwork.url.partition("?")[0], timeout=10)
    assert statuses(scanner.scan()) == ["rejected", "missing"]


def test_a_sas_that_may_be_handed_on_is_enough(azure_server, container, furnished, shop, local_network):
    sas = azure_server.sas(container, lives=timedelta(days=3))
    storage = azure_server.open(furnished, ra.SasToken(sas, share_sas=True), local_network)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert statuses(report) == ["fulfilled", "fulfilled", "rejected", "missing"]
    assert "sig=" not in report.to_json()


def test_a_sas_that_may_not_be_shared_is_refused_once_when_the_scanner_is_made(
    azure_server, container, furnished, shop, local_network
):
    sas = azure_server.sas(container, lives=timedelta(days=3))
    storage = azure_server.open(furnished, ra.SasToken(sas), local_network)
    with pytest.raises(ra.ConfigurationError, match="share_sas=True") as refusal:
        ra.Scanner(storage, shop, ledger=ra.MemoryLedger())
    assert "sig=" not in str(refusal.value)
    assert shop.journal == []


def test_a_container_without_permission_is_unreadable_never_missing(
    azure_server, container, furnished, shop, local_network
):
    ended = ra.SasToken(azure_server.sas(container, lives=timedelta(hours=-1)), share_sas=True)
    storage = azure_server.open(furnished, ended, local_network)
    report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).scan()
    assert set(statuses(report)) == {"unreadable"}
    assert report.exit_code == 3
    assert "sig=" not in report.to_json()
