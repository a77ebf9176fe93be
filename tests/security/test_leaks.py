"""A secret is in no log, error, traceback, report, ledger or pickle, in no spelling."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import timedelta
from typing import get_args
from urllib.parse import quote, quote_plus

import pytest

import remote_artwork as ra
from hostile_server import HostileServer
from remote_artwork.credentials import Credentials
from remote_artwork.errors import InvalidLocation
from shop_files import PNG

pytestmark = pytest.mark.server

KEYS = ("AKCANARYCANARY01", "canary/secret+half==of-keys", "canary+token/of=a-session&more")
SESSION = ("ASIACANARYCANARY", "canary-secret-of-a-session", "canary-token-of-a-session")
SIGNATURE = re.compile(
    rb"""(?ix) (?:signature|sig) (?:=|%3d) (?!redacted) [0-9a-z+/%]{8}
             | bearer\s+[a-z]
             | authorization['"]?:[ ]?b?['"]?(?!redacted)[a-z]"""
)
"""Signatures and tokens in a log. Anyone who reads one can use it until it expires."""


def spellings(secret):
    """The spellings of the secret: in a URL, in base64 at each of the three offsets, in a repr, in JSON."""
    raw = secret.encode()
    yield from (raw, quote(secret, safe="").encode(), quote_plus(secret).encode(), json.dumps(secret)[1:-1].encode())
    yield repr(secret)[1:-1].encode()
    yield raw.hex().encode()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]
    if re.fullmatch("[A-Za-z0-9+/]{16,}={0,2}", secret):
        yield base64.b64decode(secret + "=" * (-len(secret) % 4))


def leaks(content, secrets):
    """The secrets and signatures that the content contains."""
    found = [spelling for secret in secrets for spelling in spellings(secret) if spelling in content]
    return found + [match.group() for match in SIGNATURE.finditer(content)]


def case(protocol, credentials, *secrets, canaries=None, **options):
    return {
        "protocol": protocol,
        "credentials": credentials,
        "secrets": list(secrets),
        "options": options,
        "canaries": list(canaries or secrets),
    }


@pytest.fixture
def cases(service_account_key):
    """Every type of credentials, by name."""
    pem = service_account_key["private_key"].splitlines()
    key = base64.b64encode(b"canary-key-of-an-account").decode()
    sas = "sv=2024-01-01&sp=rl&sr=c&se=2999-01-01T00:00:00Z&sig=Y2FuYXJ5LXNpZ25hdHVyZQ%3D%3D"
    return {
        "Keys": case("s3", "Keys", *KEYS),
        "Keys without a token": case("s3", "Keys", *KEYS[:2]),
        "ServiceAccount": case(
            "gcs",
            "ServiceAccount",
            dict(service_account_key),
            canaries=[*pem[1:-1], service_account_key["private_key_id"], "canary-access-token"],
        ),
        "AssumeRole": case(
            "s3",
            "AssumeRole",
            *KEYS[:2],
            canaries=[*KEYS[:2], "canary-external-id", *SESSION],
            external_id="canary-external-id",
        ),
        "SasToken": case("azure", "SasToken", sas, canaries=["Y2FuYXJ5LXNpZ25hdHVyZQ"]),
        "SasToken, shared": case("azure", "SasToken", sas, canaries=["Y2FuYXJ5LXNpZ25hdHVyZQ"], share_sas=True),
        "AccountKey": case("azure", "AccountKey", key),
    }


NAMES = ["Keys", "Keys without a token", "AssumeRole", "ServiceAccount", "SasToken", "SasToken, shared", "AccountKey"]


def test_every_type_of_credentials_is_tested():
    tried = {name.partition(",")[0].partition(" ")[0] for name in NAMES}
    without_secrets = {"Anonymous", "Ambient"}
    assert {kind.__name__ for kind in get_args(Credentials)} - without_secrets == tried


def issue_credentials(head):
    """Answer like Google to a token request, and like AWS to AssumeRole."""
    body = '{"access_token": "canary-access-token", "expires_in": 3600, "token_type": "Bearer"}'
    if b"/token" not in head:
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
        values = (*SESSION, "2999-01-01T00:00:00Z")
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in zip(names, values, strict=True))
        result = f"<AssumeRoleResult><Credentials>{fields}</Credentials></AssumeRoleResult>"
        body = f"<AssumeRoleResponse>{result}</AssumeRoleResponse>"
    kind = "json" if body.startswith("{") else "xml"
    return [f"HTTP/1.1 200 OK\r\nContent-Type: text/{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()]


@pytest.fixture
def token_uri():
    """Type of credentials → the server that issues their temporary credentials."""
    with HostileServer() as server:
        server.answer(issue_credentials)
        yield {"ServiceAccount": f"{server.endpoint}/token", "AssumeRole": server.endpoint}


def printed(in_a_process, tmp_path, given, **settings):
    """Run the script, search everything it printed and wrote for secrets, and return its output."""
    canaries = given.pop("canaries")
    done = in_a_process("use_with_secrets.py", json.dumps(given), os.environ | settings)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(content.startswith(b"SQLite") for content in files)
    content = b"\n".join([done.stdout.encode(), done.stderr.encode(), *files])
    assert b"application ERROR it did not work" in content
    assert b"DEBUG" in content
    assert leaks(content, canaries) == []
    return done.stdout


def echo(head):
    """Refuse every request, and repeat the request in the body (XML or JSON) and in headers."""
    said = head.decode("latin-1")
    text = said.replace("&", "&amp;").replace("<", "&lt;")
    if "/storage/v1/" in said:
        body = json.dumps({"error": {"code": 403, "message": said, "errors": [{"reason": "no", "message": said}]}})
    else:
        body = f'<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>{text}</Message></Error>'
    again = "".join(f"x-amz-again-{number}: {line}\r\n" for number, line in enumerate(said.splitlines()) if line)
    kind = "application/json" if body.startswith("{") else "application/xml"
    answer = (
        f"HTTP/1.1 403 No\r\nContent-Type: {kind}\r\n{again}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return [answer.encode("latin-1"), b"" if said.startswith("HEAD") else body.encode("latin-1")]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaks_if_a_storage_repeats_the_request(in_a_process, cases, name, tmp_path, token_uri):
    given = cases[name] | {"path": "prints/in", "token_uri": token_uri.get(name, "")}
    with HostileServer() as server:
        server.answer(echo)
        shown = printed(in_a_process, tmp_path, given | {"endpoint": server.endpoint}, PYTHONASYNCIODEBUG="1")
        asked = "".join(server.requests)
    assert ("unreadable" in shown) == (name != "SasToken")  # the scanner refuses it
    assert any(spelling in asked.encode() for spelling in (b"CANARY", b"canary", b"Y2FuYXJ5", b"SharedKey"))


def _s3(request):
    server = request.getfixturevalue("s3_server")
    bucket = server.create_bucket(f"b{uuid.uuid4().hex}", versioned=True)
    server.put(bucket, "in/1001_1.png", PNG)
    return server.endpoint, bucket


def _gcs(request):
    server = request.getfixturevalue("gcs_server")
    bucket = server.create_bucket(f"b{uuid.uuid4().hex}")
    server.put(bucket, "in/1001_1.png", PNG)
    return server.endpoint, bucket


def _azure(request):
    server = request.getfixturevalue("azure_server")
    container = server.create_container(f"b{uuid.uuid4().hex}")
    server.put(container, "in/1001_1.png", PNG)
    return server.endpoint.rpartition("/")[0], container


SERVERS = {"s3": _s3, "gcs": _gcs, "azure": _azure}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_leaks_when_everything_works(request, in_a_process, cases, name, tmp_path, token_uri):
    given = cases[name] | {"token_uri": token_uri.get(name, "")}
    endpoint, bucket = SERVERS[given["protocol"]](request)
    if given["protocol"] == "azure":
        server = request.getfixturevalue("azure_server")
        sas = server.sas(bucket, lives=timedelta(days=9))
        secret = server.key.key if name == "AccountKey" else sas
        given |= {"secrets": [secret], "canaries": [re.sub(".*sig=", "", secret).replace("%2B", "+")[:40]]}
    shown = printed(in_a_process, tmp_path, given | {"endpoint": endpoint, "path": f"{bucket}/in"})
    assert ("fulfilled" in shown) == (name != "SasToken"), shown[-3000:]


PASTED = {
    "presigned": "https://prints.s3.eu-west-1.amazonaws.com/in/a.png?X-Amz-Credential=AK&X-Amz-Signature={}",
    "presigned, old": "https://prints.s3.amazonaws.com/in/a.png?AWSAccessKeyId=AK&Expires=1&Signature={}",
    "signed by Google": "https://storage.googleapis.com/prints/in/a.png?X-Goog-Signature={}&GoogleAccessId=x",
    "a SAS of one blob": "https://account.blob.core.windows.net/prints/in?sv=1&sr=b&sp=rl&sig={}",
    "a SAS that may not list": "https://account.blob.core.windows.net/prints/in?sv=1&sr=c&sp=r&sig={}",
    "user and password": "https://user:{}@s3.example.com/prints/in/",
    "a password in S3": "s3://AK:{}@prints/in/",
    "an unknown key": "s3://prints/in/?secret_key={}",
    "a key that is a secret": "s3://prints/in/?{}=1",
    "a fragment": "s3://prints/in/#{}",
    "a capability": "https://link.storjshare.io/raw/{}/prints/in/?x=1",
    "another scheme": "sftp://user:{}@host/in/",
    "a wrapper": "simplecache::s3://user:{}@prints/in/",
    "a control character": "s3://prints/in/?x={}\n",
}


@pytest.mark.parametrize("name", PASTED)
def test_a_secret_inside_a_refused_url_is_not_repeated(name):
    secret = "canary+of/a-pasted=secret"
    with pytest.raises(InvalidLocation) as refusal:
        ra.open_storage(PASTED[name].format(quote(secret, safe="")))
    link = refusal.value
    while link is not None:
        assert leaks(f"{link} {link!r} {link.args}".encode(), [secret]) == []
        link = link.__cause__ or link.__context__


WRONG = {
    "Keys": lambda secret: ra.Keys("AK", f"{secret} "),
    "Keys, not text": lambda secret: ra.Keys("AK", secret.encode()),
    "Keys, token": lambda secret: ra.Keys("AK", "hush", f"{secret}\n"),
    "SasToken": lambda secret: ra.SasToken(f"sv=1&{secret}"),
    "AccountKey": lambda secret: ra.AccountKey(f"{secret}é"),
    "ServiceAccount": lambda secret: ra.ServiceAccount({"type": "service_account", "private_key": secret}),
    "ServiceAccount, elsewhere": lambda secret: ra.ServiceAccount({"type": "service_account", "token_uri": secret}),
    "ServiceAccount, broken": lambda secret: ra.open_storage(
        "gs://prints/in/",
        credentials=ra.ServiceAccount(
            {
                "type": "service_account",
                "client_email": "a@b.example",
                "private_key_id": "1",
                "private_key": f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n",
            }
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_credentials_are_not_repeated(name):
    secret = "canary+of/wrong=credentials"
    with pytest.raises(ra.ConfigurationError) as refusal:
        WRONG[name](secret)
    link = refusal.value
    while link is not None:
        assert leaks(f"{link} {link!r} {link.args}".encode(), [secret]) == []
        link = link.__cause__ or link.__context__


COMMANDS = {
    "check": ["check"],
    "plan": ["plan", "--orders-file", "orders.json"],
    "scan --json": ["scan", "--orders-file", "orders.json", "--json"],
    "explain": ["explain", "1001_1.png", "--orders-file", "orders.json"],
}


@pytest.mark.parametrize("server", ["s3_server", "echo"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_line_shows_no_secret(request, tmp_path, name, server):
    keys = dict(zip(("access_key", "secret_key", "token"), KEYS, strict=True))
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    orders = {"orders": [{"number": "1001", "status": "pending_approval", "items": [{"number": "1"}]}]}
    (tmp_path / "orders.json").write_text(json.dumps(orders))
    with HostileServer() as hostile:
        hostile.answer(echo)
        endpoint, bucket = _s3(request) if server == "s3_server" else (hostile.endpoint, "prints")
        command = [sys.executable, "-c", "from remote_artwork.cli import main; main()", "--verbose", *COMMANDS[name]]
        command += [
            f"s3+{endpoint}/{bucket}/in/?provider=minio",
            "--credentials",
            "keys.json",
            "--allow-private-network",
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == (0 if server == "s3_server" else 3), done.stderr.decode()
    ledgers = b"".join(path.read_bytes() for path in tmp_path.glob("*.db*"))
    assert leaks(done.stdout + done.stderr + ledgers, KEYS) == []
