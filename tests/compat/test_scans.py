"""The main job for each provider: the URL that its console shows, at the command line, from plan to fulfilled.

The host names of the provider lead to its stand-in, with TLS and certificates, so that all of the way is gone: the URL
is read, region and style are chosen by the provider's row, requests are signed for that host, and a host without any
credentials downloads what was attached. What is not shown is that the provider itself behaves as its stand-in does.
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
from compat.stand_ins import FRONT_DOORS

from remote_artwork.testing.storage import covers
from shop_files import JPEG, PDF

pytestmark = pytest.mark.server
PATIENCE = 60
TRUSTED = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Where an operator names the certificates that a machine trusts besides its own."""
ORDERS = {
    "orders": [
        {"number": "1001", "status": "pending_approval", "items": [{"number": "1"}, {"number": "2"}]},
        {"number": "1002", "status": "pending_approval", "items": [{"number": "1"}]},
    ]
}
DOORS = [(provider, server) for provider, door in FRONT_DOORS.items() for server in door.servers]


def reports_of(text):
    """The JSON documents that stand one after the other."""
    decoder, reports = json.JSONDecoder(), []
    while text := text.lstrip():
        report, end = decoder.raw_decode(text)
        reports.append(report)
        text = text[end:]
    return reports


def statuses(report):
    return [item["status"] for item in report["items"]]


@covers("whole scan")
@pytest.mark.parametrize(("provider", "server"), DOORS, ids=lambda name: name.replace(" ", "-"))
def test_the_url_of_the_console_leads_from_plan_to_fulfilled(
    provider, server, entrance, furnished_door, tmp_path, monkeypatch
):
    url, credentials, secrets = furnished_door(provider, server, {"1001_1.jpg": JPEG, "1001_2.PDF": PDF})
    certificates, orders, keys = tmp_path / "certificates.pem", tmp_path / "orders.json", tmp_path / "keys.json"
    entrance.authority.cert_pem.write_to_path(str(certificates))
    orders.write_text(json.dumps(ORDERS))
    keys.write_text(json.dumps(credentials))
    options = [url, "--orders-file", str(orders), "--credentials", str(keys), "--allow-private-network", "--json"]

    program = [sys.executable, str(Path(__file__).with_name("local_world.py")), str(entrance.port), str(certificates)]
    done = subprocess.run(
        [*program, "plan", *options, "--", "scan", *options, "--", "scan", *options],
        env={**os.environ, **dict.fromkeys(TRUSTED, str(certificates))},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    plan, scan, again = reports_of(done.stdout)
    assert statuses(plan) == ["matched", "matched", "missing"]
    assert statuses(scan) == ["fulfilled", "fulfilled", "missing"]
    assert statuses(again) == ["missing"]
    assert not [secret for secret in secrets if secret in done.stdout + done.stderr]

    def all_lead_here(_host, _port, *arguments, **more):
        return ask("127.0.0.1", entrance.port, *arguments, **more)

    ask = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", all_lead_here)
    trusting = ssl.create_default_context(cafile=str(certificates))
    attached = json.loads(orders.read_text())["orders"][0]["items"]
    for item, content in zip(attached, (JPEG, PDF), strict=True):
        with urllib.request.urlopen(item["artwork"][0]["url"], timeout=10, context=trusting) as answer:
            assert answer.read() == content
    assert entrance.strangers == []
