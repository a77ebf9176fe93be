import attrs
import pytest

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.fetch import ask_once

LONG = b"x" * 100_000


def test_an_answer_is_handed_on_with_its_headers_and_no_more_than_its_begin(faulty_server, local_network):
    faulty_server.BODIES = {"long": (404, LONG)}
    faulty_server.answer("long")
    answer = ask_once("GET", f"{faulty_server.endpoint}/a%20b?x=%2F", local_network)
    assert (answer.status, answer.body) == (404, LONG[: 64 * 1024])
    assert answer.headers["content-length"] == "100000"
    assert faulty_server.requests == ["GET /a%20b?x=%2F"]


def test_a_redirect_is_an_answer_like_any_other(faulty_server, local_network):
    faulty_server.redirect_to = f"{faulty_server.endpoint}/internal"
    faulty_server.answer("redirect", "ok")
    assert ask_once("GET", faulty_server.endpoint, local_network).status == 302
    assert len(faulty_server.requests) == 1


def test_neither_proxies_nor_netrc_of_this_machine_are_used(faulty_server, local_network, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login us password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask_once("GET", faulty_server.endpoint, local_network).status == 200


def test_addresses_and_schemes_are_guarded(faulty_server, local_network):
    with pytest.raises(InvalidLocation, match="allow_http"):
        ask_once("GET", faulty_server.endpoint, attrs.evolve(local_network, allow_http=False))
    with pytest.raises(OSError):  # aiohttp's own, around the guard's
        ask_once("GET", faulty_server.endpoint, attrs.evolve(local_network, allow_private=False))
    assert faulty_server.requests == []
