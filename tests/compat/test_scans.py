"""A whole scan for each provider on the command line, with the URL that its console shows.

The provider's host names resolve to its stand-in, over TLS. So the test covers URL parsing, the region and the
addressing style of the provider's row, and signing for that host; a client without credentials then downloads the
attached file. It does not show that the provider itself behaves as its stand-in does.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from compat.stand_ins import SETUPS

from remote_artwork.testing.storage import covers
from shop_files import JPEG, PDF

pytestmark = pytest.mark.server
TIMEOUT = 60
TRUSTED = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""The environment variables that name additional trusted certificates."""
ORDERS = {
    "orders": [
        {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}, {"number": "2"}]},
        {"number": "1002", "status": "pending_approval", "items": [{"number": "1"}]},
    ]
}
PAIRS = [(provider, server) for provider, setup in SETUPS.items() for server in setup.servers]


def reports_of(text):
    """Parse JSON documents that follow one another."""
    decoder, reports = json.JSONDecoder(), []
    while text := text.lstrip():
        report, end = decoder.raw_decode(text)
        reports.append(report)
        text = text[end:]
    return reports


def statuses(report):
    return [item["status"] for item in report["items"]]


@covers("whole scan")
@pytest.mark.parametrize(("provider", "server"), PAIRS, ids=lambda name: name.replace(" ", "-"))
def test_the_console_url_works_from_plan_to_fulfilled(provider, server, router, provider_bucket, tmp_path, monkeypatch):
    url, credentials, secrets = provider_bucket(provider, server, {"1001_1.jpg": JPEG, "1001_2.PDF": PDF})
    certificates, orders, keys = tmp_path / "certificates.pem", tmp_path / "orders.json", tmp_path / "keys.json"
    router.authority.cert_pem.write_to_path(str(certificates))
    orders.write_text(json.dumps(ORDERS))
    keys.write_text(json.dumps(credentials))
    options = [url, "--orders-file", str(orders), "--credentials", str(keys), "--allow-private-network", "--json"]

    program = [sys.executable, str(Path(__file__).with_name("routed_command.py")), str(router.port), str(certificates)]
    done = subprocess.run(
        [*program, "plan", *options, "--", "scan", *options, "--", "scan", *options],
        env={**os.environ, **dict.fromkeys(TRUSTED, str(certificates))},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    plan, scan, again = reports_of(done.stdout)
    assert statuses(plan) == ["matched", "matched", "missing"]
    assert statuses(scan) == ["fulfilled", "fulfilled", "missing"]
    assert statuses(again) == ["missing"]
    assert not [secret for secret in secrets if secret in done.stdout + done.stderr]

    def resolve_to_router(_host, _port, *arguments, **more):
        return ask("127.0.0.1", router.port, *arguments, **more)

    ask = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", resolve_to_router)
    trusting = ssl.create_default_context(cafile=str(certificates))
    attached = json.loads(orders.read_text())["orders"][0]["items"]
    for item, content in zip(attached, (JPEG, PDF), strict=True):
        with urllib.request.urlopen(item["artwork"][0]["url"], timeout=10, context=trusting) as answer:
            assert answer.read() == content
    assert router.unknown_hosts == []
