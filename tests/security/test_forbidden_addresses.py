"""No spelling of an address, no host name and no redirect reaches an address that the operator did not allow (SSRF)."""

from __future__ import annotations

import socket

import attrs
import pytest

import remote_artwork as ra
from hostile_server import HostileServer
from merchant_locations import OPENERS, USES, open_at
from recording_server import RecordingWire
from remote_artwork.errors import InvalidLocation, StorageUnreachable

PUBLIC = ra.NetworkPolicy(allow_http=True, connect_timeout=2.0, read_timeout=2.0, call_timeout=4.0)
ONCE = ra.RetryPolicy(attempts=1)
SPELLINGS = {
    "literal": "127.0.0.1",
    "of the same network": "127.9.9.9",
    "short": "127.1",
    "decimal": "2130706433",
    "octal": "0177.0.0.1",
    "octal in one": "017700000001",
    "hexadecimal": "0x7f.0.0.1",
    "hexadecimal in one": "0x7f000001",
    "nothing": "0",
    "unspecified": "0.0.0.0",
    "with a dot": "127.0.0.1.",
    "a name": "localhost",
    "a name with a dot": "localhost.",
    "a name in capitals": "LOCALHOST",
    "IPv6": "[::1]",
    "IPv6, unspecified": "[::]",
    "IPv6, long": "[0:0:0:0:0:0:0:1]",
    "IPv4 in IPv6": "[::ffff:127.0.0.1]",
    "IPv4 in IPv6, in numbers": "[::ffff:7f00:1]",
    "IPv4-compatible": "[::127.0.0.1]",
    "NAT64": "[64:ff9b::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "metadata": "169.254.169.254",
    "metadata, decimal": "2852039166",
    "neighbor": "10.0.0.1",
}


@pytest.fixture
def forbidden():
    """A listener on every address of this machine. Nothing may connect to it."""
    with RecordingWire() as listener:
        yield listener


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("protocol", OPENERS)
def test_no_spelling_of_an_address_reaches_this_machine(forbidden, protocol, spelling):
    endpoint = f"http://{SPELLINGS[spelling]}:{forbidden.port}"
    # No URL can set the endpoints of Google and Azure. aiohttp itself refuses their oddest spellings.
    with pytest.raises(InvalidLocation if protocol in ("s3", "web") else ra.RemoteArtworkError):
        USES["list"](open_at(protocol, endpoint, "b/in", None, PUBLIC, retry=ONCE))
    assert forbidden.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("protocol", OPENERS)
def test_an_operator_can_allow_it(forbidden, protocol, host):
    """Shows that the listener works, so that the test above can fail."""
    allowed = attrs.evolve(PUBLIC, allow_private=True)
    with pytest.raises(StorageUnreachable):
        USES["list"](open_at(protocol, f"http://{host}:{forbidden.port}", "b/in", None, allowed, retry=ONCE))
    assert forbidden.connections > 0


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0177.0.0.1", "[::1]", "localhost", "169.254.169.254"])
@pytest.mark.parametrize("form", ["https://{}:{}/b/in/", "http://{}:{}/b/in/", "s3+https://{}:{}/b/in/?provider=minio"])
def test_every_form_of_a_url_needs_the_operators_permission(forbidden, host, form):
    with pytest.raises(InvalidLocation):
        USES["list"](ra.open_storage(form.format(host, forbidden.port), retry=ONCE))
    assert forbidden.connections == 0


@pytest.mark.parametrize("account", ["evil.example/x", "a@127.0.0.1", "127.0.0.1:80/a", "a.127.0.0.1", "a?x", "a#x"])
def test_an_azure_account_cannot_name_another_host(account):
    with pytest.raises(InvalidLocation):
        ra.open_storage(f"az://prints@{account}/in/")
    # Such a URL names a public folder of another host, or nothing. Credentials are never sent there.
    with pytest.raises(ra.ConfigurationError):
        ra.open_storage(
            f"https://{account}.blob.core.windows.net/prints/in/", credentials=ra.SasToken("sv=1&sp=rl&sig=canary")
        )


class Resolver:
    """Resolves every name: returns its answers one after another, then repeats the last one."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host, port, *_rest, **_options):
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, port)) for ip in addresses]


@pytest.fixture
def no_internet(monkeypatch):
    """Connections to the Internet fail immediately. Connections to this machine work."""
    connected = []
    connect = socket.socket.connect

    def connect_or_fail(self, address):
        connected.append(address[0])
        if not address[0].startswith("127."):
            raise OSError(101, "Network is unreachable")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_or_fail)
    return connected


@pytest.mark.parametrize("protocol", OPENERS)
def test_a_name_that_resolves_to_a_private_address_later_is_refused(forbidden, protocol, monkeypatch, no_internet):
    resolver = Resolver(["93.184.215.14"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    endpoint = f"http://rebinding.example:{forbidden.port}"
    with pytest.raises(StorageUnreachable):
        USES["list"](open_at(protocol, endpoint, "b/in", None, PUBLIC, retry=ONCE))
    # A different policy, so that it does not share the first client, which caches the first answer for some seconds.
    another = attrs.evolve(PUBLIC, connect_timeout=PUBLIC.connect_timeout + 1)
    with pytest.raises(InvalidLocation, match="allow_private"):
        USES["list"](open_at(protocol, endpoint, "b/in", None, another, retry=ONCE))
    assert resolver.asked == 2
    assert set(no_internet) == {"93.184.215.14"}
    assert forbidden.connections == 0


@pytest.mark.parametrize("protocol", OPENERS)
def test_a_name_with_a_public_and_a_private_address_reaches_only_the_public_one(
    forbidden, protocol, monkeypatch, no_internet
):
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(["93.184.215.14", "127.0.0.1", "169.254.169.254"]))
    endpoint = f"http://both.example:{forbidden.port}"
    with pytest.raises(ra.RemoteArtworkError):
        USES["list"](open_at(protocol, endpoint, "b/in", None, PUBLIC, retry=ONCE))
    assert set(no_internet) <= {"93.184.215.14"}
    assert forbidden.connections == 0


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("protocol", OPENERS)
def test_no_redirect_is_followed(forbidden, protocol, status, local_network):
    with HostileServer() as server:
        storage = open_at(protocol, server.endpoint, "b/in", None, local_network, retry=ONCE)
        for target in (f"http://127.0.0.1:{forbidden.port}/x", f"{server.endpoint}/again", None):
            for use in USES.values():
                server.redirect(status, target)
                with pytest.raises(ra.RemoteArtworkError):
                    use(storage)
                assert len(server.requests) == 1
    assert forbidden.connections == 0
