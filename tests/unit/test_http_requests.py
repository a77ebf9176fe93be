import attrs
import pytest

from parts import package
from remote_artwork.errors import InvalidLocation, StorageMisbehaved
from remote_artwork.http import MAX_NODES, Response, bounded_timeout, request

LONG = b"x" * 100_000


def test_a_response_has_its_headers_and_the_requested_start_of_its_body(faulty_server, local_network):
    faulty_server.BODIES = {"long": (404, LONG)}
    faulty_server.answer("long")
    response = request("GET", f"{faulty_server.endpoint}/a%20b?x=%2F", local_network, first_bytes=64 * 1024)
    assert (response.status, response.body) == (404, LONG[: 64 * 1024])
    assert response.headers["content-length"] == "100000"
    assert faulty_server.requests == ["GET /a%20b?x=%2F"]


def test_a_redirect_is_returned_and_not_followed(faulty_server, local_network):
    faulty_server.redirect_to = f"{faulty_server.endpoint}/internal"
    faulty_server.answer("redirect", "ok")
    assert request("GET", faulty_server.endpoint, local_network).status == 302
    assert len(faulty_server.requests) == 1


def test_proxies_and_netrc_of_this_machine_are_not_used(faulty_server, local_network, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login us password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert request("GET", faulty_server.endpoint, local_network).status == 200


def test_addresses_and_schemes_are_guarded(faulty_server, local_network):
    with pytest.raises(InvalidLocation, match="allow_http"):
        request("GET", faulty_server.endpoint, attrs.evolve(local_network, allow_http=False))
    with pytest.raises(OSError):  # aiohttp's error, which wraps the guard's
        request("GET", faulty_server.endpoint, attrs.evolve(local_network, allow_private=False))
    assert faulty_server.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_response_that_is_too_long_is_refused_unless_its_start_is_enough(
    faulty_server, local_network, monkeypatch, method
):
    monkeypatch.setattr("remote_artwork.http.MAX_RESPONSE_BYTES", 1000)
    faulty_server.BODIES = {"long": (200, LONG)}
    faulty_server.answer("long", "long")
    with pytest.raises(StorageMisbehaved, match="sent more than"):
        request(method, faulty_server.endpoint, local_network)
    assert request(method, faulty_server.endpoint, local_network, first_bytes=10).body == LONG[:10]


def test_json_is_parsed_and_anything_else_is_none():
    response = Response(status=200, headers={}, body=b'{"a": 1}')
    assert response.json() == {"a": 1}
    for body in (b"<html>", b"[" * 99_999, b"\xff"):
        assert attrs.evolve(response, body=body).json() is None
    with pytest.raises(StorageMisbehaved, match="more elements"):
        attrs.evolve(response, body=b"[" * (MAX_NODES + 1)).json()


@pytest.mark.parametrize(
    ("own", "connect", "read"), [({}, 4.0, 8.0), ({"sock_read": 1.5}, 4.0, 1.5), ({"sock_connect": 2.5}, 2.5, 8.0)]
)
def test_a_session_without_limits_gets_those_of_the_network_policy(own, connect, read):
    aiohttp = package("aiohttp")

    class Session:
        timeout = aiohttp.ClientTimeout(total=300, **own)

    bounded = bounded_timeout(Session())
    assert (bounded.total, bounded.sock_connect, bounded.sock_read) == (300, connect, read)
