"""Each reader gets a cure of their own: an argument in the library, an option on the command line."""

import json
import socket

import pytest

import remote_artwork as ra
from command_line import Shop
from remote_artwork.cli.app import run
from remote_artwork.testing import FakeShop

PYTHON = "NetworkPolicy"


@pytest.fixture
def silent():
    """The URL of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"s3+http://127.0.0.1:{server.getsockname()[1]}/prints/in/?provider=minio&region=us-east-1"


HASTY = ("--read-timeout", "0.05", "--connect-timeout", "5", "--call-timeout", "5")


def test_a_developer_reads_the_argument(silent):
    network = ra.NetworkPolicy(allow_private=True, allow_http=True, read_timeout=0.05)
    once = ra.RetryPolicy(attempts=1)
    storage = ra.open_storage(silent, credentials=ra.Keys("KEY", "secret"), network=network, retry=once)
    report = ra.Scanner(storage, FakeShop([ra.Order("1", [ra.OrderItem("1")])]), ledger=ra.MemoryLedger()).plan()
    assert "NetworkPolicy(read_timeout=…, call_timeout=…)" in report.faults[0].message
    assert "--" not in report.to_json()


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", ["plan", "scan", "explain", "check"])
def test_an_operator_reads_the_option(silent, tmp_path, capsys, command, more):
    shop = Shop(tmp_path / "shop", "1001_1.jpg")
    words = ["--order", "1001"] if command == "explain" else []
    page = ["--report", str(tmp_path / "sheet.html")] if command in ("plan", "scan") else []
    words += ["--orders-file", str(shop.orders), "--allow-private-network", *HASTY, *more, *page]
    assert run([command, *words[:2], silent, *words[2:]]) == 3
    said = capsys.readouterr()
    text = " ".join((said.out + said.err).split())
    assert "--read-timeout and --call-timeout" in text
    assert PYTHON not in text
    assert not more or json.loads(said.out)
    if page:
        assert "--read-timeout" in (tmp_path / "sheet.html").read_text(encoding="utf-8")
        assert PYTHON not in (tmp_path / "sheet.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("url", "option"),
    [
        ("s3+http://127.0.0.1:9/prints/?provider=minio&region=us-east-1", "--allow-private-network"),
        ("web+https://127.0.0.1:9/prints/", "--allow-private-network"),
        ("ftp://127.0.0.1/prints/", "use the URL of a bucket"),
    ],
)
def test_an_error_at_the_start_names_the_option(tmp_path, capsys, url, option):
    shop = Shop(tmp_path / "shop", "1001_1.jpg")
    assert run(["plan", url, "--orders-file", str(shop.orders), *HASTY]) in (2, 3)
    said = capsys.readouterr()
    assert option in " ".join((said.out + said.err).split())
    assert PYTHON not in said.out + said.err
    assert "ArtworkStorage" not in said.out + said.err
