"""Certificates of a private authority: one setting makes every protocol trust it, in code and on the command line."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

import remote_artwork as ra
from attacks import page_of
from merchant_locations import OPENERS, open_at
from remote_artwork.cli.app import run
from remote_artwork.errors import ConfigurationError, StorageMisbehaved
from remote_artwork.http import request

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    made.pem_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(str(made.pem_file))
    return made


@contextmanager
def server(authority, host="localhost"):
    """A storage of any protocol, named by the bucket in the path, with one file."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            protocol = next((each for each in OPENERS if f"/{each}-bucket" in self.path), "s3")
            body = page_of(protocol, ["in/1001_1.png"])
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if protocol == "gcs" else "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.handle_error = lambda *_: None  # a client that refuses the certificate ends the connection
    running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def listed(protocol, endpoint, network):
    storage = open_at(protocol, endpoint, f"{protocol}-bucket/in", None, network, retry=ra.RetryPolicy(attempts=1))
    return [name for page in storage.pages() for name in page.names]


@pytest.mark.parametrize("protocol", OPENERS)
def test_a_private_authority_is_trusted_if_the_operator_passes_its_certificate(authority, protocol):
    with server(authority) as endpoint:
        trusting = ra.NetworkPolicy(allow_private=True, ca_file=authority.pem_file)
        assert listed(protocol, endpoint, trusting) == ["1001_1.png"]
        with pytest.raises(StorageMisbehaved, match=r"not trusted: .* NetworkPolicy\(ca_file=…\)$"):
            listed(protocol, endpoint, ra.NetworkPolicy(allow_private=True))


@pytest.mark.parametrize("protocol", OPENERS)
def test_a_trusted_certificate_for_another_host_is_refused(authority, protocol):
    with server(authority, "elsewhere.example") as endpoint:
        trusting = ra.NetworkPolicy(allow_private=True, ca_file=authority.pem_file)
        with pytest.raises(StorageMisbehaved, match="certificate is for another host name"):
            listed(protocol, endpoint, trusting)


def test_a_single_request_and_google_tokens_trust_the_same_authority(authority):
    import requests

    from remote_artwork.storage.backends.gcs_client import _Adapter

    with server(authority) as endpoint:
        trusting = ra.NetworkPolicy(allow_private=True, ca_file=str(authority.pem_file))
        assert request("GET", endpoint, trusting).status == 200
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _Adapter(trusting.ca_file))
            assert session.get(endpoint, timeout=60).status_code == 200
            session.mount("https://", _Adapter(None))
            with pytest.raises(requests.exceptions.SSLError):
                session.get(endpoint, timeout=60)


def test_the_command_line_takes_the_authority_and_the_timeouts(authority, capsys):
    with server(authority) as endpoint:
        url = f"s3+{endpoint}/s3-bucket/in/?provider=minio"
        arguments = ["check", url, "--allow-private-network", "--json"]
        results = []
        for more in ([], ["--ca-file", str(authority.pem_file), "--read-timeout", "30", "--call-timeout", "90"]):
            run([*arguments, *more])
            steps = json.loads(capsys.readouterr().out)["steps"]
            results.append(next(step["verdict"] for step in steps if step["name"] == "list"))
    assert results == ["failed", "ok"]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_refused_at_once(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"NetworkPolicy\(ca_file=…\): .* PEM format$"):
        ra.NetworkPolicy(ca_file=path)
