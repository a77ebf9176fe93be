"""A merchant's storage receives nothing that belongs to the application: no keys, no profile, no proxy traffic."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import uuid
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recording_server import RecordingWire
from shop_files import PNG, uploaded

pytestmark = pytest.mark.server

WORD = "appsbait"
"""A part of every secret of the application. It must never be sent."""

KEY = base64.b64encode(f"{WORD}-account-key-{WORD}".encode()).decode()
FORBIDDEN = [
    WORD.encode(),
    WORD.upper().encode(),
    KEY.encode(),
    base64.b64encode(f"{WORD}:{WORD}-password".encode()),
]


def environment_full_of_bait(folder, listener, service_account_key):
    """This process's environment, plus every setting and file that the SDKs read."""
    bait, url = f"{WORD}-value", listener.endpoint
    files = {
        "aws_config": f"[default]\nregion={WORD}\n[profile {WORD}]\nendpoint_url={url}\nservices={WORD}\n"
        f"[services {WORD}]\ns3 =\n  endpoint_url={url}\n",
        "aws_credentials": f"[{WORD}]\naws_access_key_id={WORD.upper()}\naws_secret_access_key={bait}\n",
        "token": bait,
        "google.json": json.dumps(
            service_account_key | {"client_email": f"{WORD}@x.example", "token_uri": f"{url}/token"}
        ),
        ".netrc": f"machine 127.0.0.1 login {WORD} password {WORD}-password\n"
        f"default login {WORD} password {WORD}-password\n",
        "fsspec/conf.json": json.dumps(
            {name: {"key": WORD, "token": WORD} for name in ("s3", "gcs", "abfs", "az", "http")}
        ),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    s3 = {"key": WORD, "secret": bait, "token": bait, "endpoint_url": url, "anon": False, "profile": WORD}
    azure = {"account_name": WORD, "account_key": KEY, "sas_token": f"sig={WORD}", "anon": False}
    google = {"token": str(folder / "google.json"), "endpoint_url": url, "project": WORD, "requester_pays": WORD}
    http = {"client_kwargs": {"headers": {"Authorization": f"Bearer {WORD}"}}}
    settings = {
        "AWS_ACCESS_KEY_ID": f"AKIA{WORD.upper()}",
        "AWS_SECRET_ACCESS_KEY": bait,
        "AWS_SESSION_TOKEN": bait,
        "AWS_PROFILE": f"{WORD}-of-another-file",
        "AWS_EXECUTION_ENV": WORD,
        "AWS_SDK_UA_APP_ID": WORD,
        "AWS_CONFIG_FILE": str(folder / "aws_config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "aws_credentials"),
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
        "AWS_ROLE_ARN": f"arn:aws:iam::123456789012:role/{WORD}",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AZURE_CLIENT_ID": bait,
        "AZURE_HTTP_USER_AGENT": WORD,
        "AZURE_CLIENT_SECRET": bait,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ACCOUNT_NAME": WORD,
        "AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint={url}/{WORD};AccountName={WORD};AccountKey={KEY}",
        "AZURE_STORAGE_SAS_TOKEN": f"sv=2024-01-01&sig={bait}",
        "AZURE_TENANT_ID": bait,
        "FSSPEC_ABFS": json.dumps(azure),
        "FSSPEC_AZ": json.dumps(azure),
        "FSSPEC_CONFIG_DIR": str(folder / "fsspec"),
        "FSSPEC_GCS": json.dumps(google),
        "FSSPEC_GS": json.dumps(google),
        "FSSPEC_HTTP": json.dumps(http),
        "FSSPEC_HTTPS": json.dumps(http),
        "FSSPEC_S3": json.dumps(s3),
        "GCE_METADATA_HOST": url.removeprefix("http://"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "google.json"),
        "GOOGLE_CLOUD_PROJECT": WORD,
        "HOME": str(folder),
        "NETRC": str(folder / ".netrc"),
        "STORAGE_EMULATOR_HOST": url,
        **{f"{scheme}_proxy": url for scheme in ("http", "https", "all")},
        **{f"{scheme}_PROXY": url for scheme in ("HTTP", "HTTPS", "ALL")},
    }
    kept = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    return kept | settings


@pytest.fixture
def bait(tmp_path, bait_listener, service_account_key):
    return environment_full_of_bait(tmp_path, bait_listener, service_account_key)


def _s3(request):
    server = request.getfixturevalue("s3_server")
    bucket = server.create_bucket(f"b{uuid.uuid4().hex}")
    server.call("put_object", Bucket=bucket, Key="in/1001_1.png", Body=PNG, ACL="public-read")
    return server.endpoint, bucket, ("Keys", ["AKMERCHANT", "the-merchants-own"])


def _gcs(request):
    server = request.getfixturevalue("gcs_server")
    bucket = server.create_bucket(f"b{uuid.uuid4().hex}")
    server.put(bucket, "in/1001_1.png", PNG)
    return server.endpoint, bucket, ()


def _azure(request):
    server = request.getfixturevalue("azure_server")
    container = server.create_container(f"b{uuid.uuid4().hex}", public="container")
    server.put(container, "in/1001_1.png", PNG)
    return server.endpoint.rpartition("/")[0], container, ("AccountKey", [server.key.key])


def _web(request):
    folder = request.getfixturevalue("tmp_path") / "web"
    (folder / "prints" / "in").mkdir(parents=True)
    uploaded(folder / "prints" / "in" / "1001_1.png", PNG)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    request.addfinalizer(server.server_close)
    request.addfinalizer(server.shutdown)
    return f"http://127.0.0.1:{server.server_port}", "prints", ()


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Log nothing."""


SERVERS = {"web": _web, "s3": _s3, "gcs": _gcs, "azure": _azure}


# Google's emulator has no accounts. Another test covers token requests to Google.
@pytest.mark.parametrize(
    ("protocol", "signed"),
    [("s3", False), ("s3", True), ("gcs", False), ("azure", False), ("azure", True), ("web", False)],
)
def test_a_scan_sends_no_secret_of_the_application(request, in_a_process, bait, bait_listener, protocol, signed):
    endpoint, bucket, own = SERVERS[protocol](request)
    kind, secrets = own if signed else ("Anonymous", [])
    with RecordingWire(int(endpoint.rpartition(":")[2])) as wire:
        given = {
            "protocol": protocol,
            "endpoint": wire.endpoint,
            "path": f"{bucket}/in",
            "credentials": kind,
            "secrets": secrets,
        }
        done = in_a_process("scan_a_location.py", json.dumps(given), bait)
    statuses, faults = json.loads(done.stdout)
    assert (statuses, faults) == (["fulfilled", "missing"], [])
    assert wire.sent.count(b" HTTP/1.1\r\n") >= 4
    for forbidden in FORBIDDEN:
        assert forbidden not in wire.sent
    if not signed:
        assert b"authorization" not in wire.sent.lower()
        assert b"signature" not in wire.sent.lower()
    assert bait_listener.connections == 0


def test_the_bait_is_real(bait, bait_listener, tmp_path):
    """A client without protection uses these settings."""
    careless = tmp_path / "careless.py"
    careless.write_text(
        "import requests, s3fs\n"
        "requests.get('http://merchant.example')\n"
        "s3fs.S3FileSystem(config_kwargs={'retries': {'max_attempts': 0}}).ls('bucket')\n"
    )
    subprocess.run([sys.executable, str(careless)], env=bait, capture_output=True, timeout=60, check=False)
    assert bait_listener.connections > 0


@pytest.mark.parametrize(
    "url", ["s3://merchant/in/?region=eu-west-1", "gs://merchant/in/", "az://merchant@account/in/"]
)
def test_a_cloud_location_contacts_no_address_of_the_application(in_a_process, bait, bait_listener, url):
    """No name can be resolved in the process, so only the bait could be reached."""
    given = {"protocol": "url", "endpoint": url, "credentials": "Anonymous", "secrets": []}
    done = in_a_process("scan_without_names.py", json.dumps(given), bait)
    statuses, (fault,) = json.loads(done.stdout)
    assert statuses == ["unreadable", "unreadable"]
    assert "the host name" in fault
    assert bait_listener.connections == 0


def test_a_token_request_to_google_sends_no_secret_of_the_application(
    in_a_process, bait, bait_listener, service_account_key, faulty_google
):
    given = {"key": dict(service_account_key), "token_uri": f"{faulty_google.endpoint}/token"}
    with RecordingWire(int(faulty_google.endpoint.rpartition(":")[2])) as wire:
        given["token_uri"] = f"{wire.endpoint}/token"
        for answer in ("500", "redirect"):
            faulty_google.redirect_to = f"{bait_listener.endpoint}/token"
            faulty_google.answer(answer)
            in_a_process("ask_for_a_token.py", json.dumps(given), bait)
            assert 1 <= len(faulty_google.requests) <= 4
    assert b"POST /token" in wire.sent
    for forbidden in FORBIDDEN:
        assert forbidden not in wire.sent
    assert b"authorization:" not in wire.sent.lower()
    assert bait_listener.connections == 0
