"""One request to a shop's API: what is refused before it is sent, and what the response means."""

import base64
import contextlib
import logging
import pickle
import socket
import threading
import traceback
from functools import partial
from urllib.parse import quote

import pytest

import remote_artwork as ra
from remote_artwork.clients import GelatoClient, ShopifyClient, WooCommerceClient
from remote_artwork.clients.api import ShopApi
from shop_api_servers import GelatoApi

ONCE = ra.RetryPolicy(attempts=1)
GARBLED = (200, b"not compressed at all", {"Content-Encoding": "gzip"})


@pytest.fixture
def server():
    server = GelatoApi()
    server.add("1001", "1", order_id="id-1")
    yield server
    server.close()


@pytest.fixture
def api(server):
    return ShopApi(server.url, headers={"X-API-KEY": server.KEY}, retry=ONCE)


@pytest.mark.parametrize("key", ["hush\n", " hush", "hush\u2026", "hu\tsh", ""])
def test_an_invalid_key_is_refused_before_any_request_and_not_shown(server, key, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(ra.ConfigurationError, match="copy it again") as refusal:
        GelatoClient(key, api=server.url)
    with pytest.raises(ra.ConfigurationError, match="copy it again"):
        WooCommerceClient(server.url, "ck_of_tests", key)
    told = "".join(traceback.format_exception(refusal.value)) + caplog.text
    assert not key or key not in told
    assert server.requests == []


NO_PAGE = (404, b"<html>no such page</html>", {})
NO_PLUGIN = (404, {"code": "rest_no_route", "message": "No route was found"}, {})


@pytest.mark.parametrize(
    "fault",
    [503, 408, GARBLED, "cut before", (200, b"<html>", {}), (200, b"[" * 99999, {}), NO_PAGE, (410, [], {}), NO_PLUGIN],
    ids=repr,
)
def test_an_unclear_response_is_unavailable_for_a_read_and_unknown_for_a_change(server, api, fault):
    server.fail(fault, 2, on="any")
    with pytest.raises(ra.Unavailable):
        api.read("GET", "/v4/orders/id-1")
    with pytest.raises(ra.OutcomeUnknown):
        api.change("PATCH", "/v4/orders/id-1", json={"orderType": "order", "items": []})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ra.ClientError),
        (401, ra.AuthenticationFailed),
        (402, ra.PaymentRequired),
        (403, ra.AuthenticationFailed),
        (404, ra.OrderGone),
        (409, ra.NotPending),
        (410, ra.OrderGone),
        (429, ra.RateLimited),
        (302, ra.ClientError),
    ],
)
def test_a_refusal_is_the_same_for_reads_and_changes_and_has_no_effect(server, api, status, error):
    server.fail((status, {"message": "as the\ntest\u202e wants"}, {}), 2, on="any")
    for ask in (api.read, api.change):
        with pytest.raises(error, match=f"HTTP {status}: as the test wants") as refusal:
            ask("PATCH", "/v4/orders/id-1", json={"orderType": "order", "items": []})
        assert type(refusal.value) is error
    assert server.effects.total() == 0


def test_a_redirect_is_refused_with_what_to_check(server, api):
    server.fail((308, {}, {"Location": "/elsewhere"}), on="any")
    with pytest.raises(ra.ClientError, match="redirects are not followed, so check the URL"):
        api.read("GET", "/v4/orders/id-1")


@pytest.mark.parametrize(
    ("base", "path", "sent"),
    [
        ("", "", "/"),
        ("/", "", "/"),
        ("/shop/rpc/", "", "/shop/rpc/"),
        ("/graphql", "", "/graphql"),
        ("/shop/", "/orders", "/shop/orders"),
        ("/shop", "/orders/", "/shop/orders/"),
    ],
)
def test_a_slash_at_the_end_of_the_url_stays_unless_a_path_follows(server, base, path, sent):
    server.fail((200, {}, {}), on="any")
    ShopApi(server.url + base, retry=ONCE).read("GET", path)
    assert server.requests == [f"GET {sent}"]


def test_a_key_in_the_shops_message_is_redacted(server):
    """Nor the part of it that a long sentence is cut off at."""
    user, secret = "ck_of_tests", "cs_of_tests"
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    for words in (f"no such key: {user}, {secret}, Basic {pair}", f"{'so ' * 99}{secret}"):
        server.fail((401, {"message": words}, {}), on="any")
        with pytest.raises(ra.AuthenticationFailed, match=r"\*\*\*|so so") as refusal:
            ShopApi(server.url, auth=(user, secret), retry=ONCE).read("GET", "/v4/orders/id-1")
        told = "".join(traceback.format_exception(refusal.value))
        assert not [each for each in (user, secret, pair, "cs_") if each in told]
    server.fail((401, {"message": f"no such key: {server.KEY}"}, {}), on="any")
    with pytest.raises(ra.AuthenticationFailed, match=r"no such key: \*\*\*;"):
        ShopApi(server.url, headers={"X-API-KEY": server.KEY}, retry=ONCE).read("GET", "/v4/orders/id-1")


@pytest.mark.parametrize(
    "form", [str.lower, partial(quote, safe=""), quote, lambda key: base64.b64encode(key.encode()).decode()]
)
def test_a_key_in_the_shops_message_is_redacted_in_every_form(server, form):
    user, secret = "cs_a", "cs_a+B/of+tests"
    server.fail((401, {"message": f"no such key: {form(secret)}."}, {}), on="any")
    with pytest.raises(ra.AuthenticationFailed, match=r"no such key: \*\*\*\.;"):
        ShopApi(server.url, auth=(user, secret), retry=ONCE).read("GET", "/v4/orders/id-1")


def test_a_header_may_have_a_scheme_in_front_of_its_key(server):
    server.fail((401, {"message": "no such key: hush+hush"}, {}), on="any")
    with pytest.raises(ra.AuthenticationFailed, match=r"no such key: \*\*\*;"):
        ShopApi(server.url, headers={"Authorization": "Bearer hush+hush"}, retry=ONCE).read("GET", "/v4/orders/id-1")


REFUSED = {
    "api, key": lambda: ShopApi("https://shop.example", headers={"X-API-KEY": "hush\n"}),
    "api, user": lambda: ShopApi("https://shop.example", auth=("user", "hush\n")),
    "api, url": lambda: ShopApi("https://user:hush@shop.example"),
    "api, query": lambda: ShopApi("https://shop.example/?key=hush"),
    "api, http": lambda: ShopApi("http://shop.example/?key=hush"),
    "api, not a url": lambda: ShopApi("https://user:hush@shop.example:port"),
    "gelato": lambda: GelatoClient("hush\n"),
    "woocommerce": lambda: WooCommerceClient("https://shop.example", "ck_of_tests", "hush\n"),
    "shopify": lambda: ShopifyClient("https://shop.example", "hush\n"),
    "shopify, http": lambda: ShopifyClient("http://shop.example", ("id", "hush")),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_no_variable_of_a_refused_client_shows_its_key(make):
    with pytest.raises(ra.ConfigurationError) as refusal:
        make()
    assert "hush" not in str(refusal.value)
    frames = [
        frame for frame, _ in traceback.walk_tb(refusal.value.__traceback__) if frame.f_code.co_filename != __file__
    ]
    assert not [value for frame in frames for value in frame.f_locals.values() if "hush" in repr(value)]


@pytest.mark.parametrize("client", [ShopApi, GelatoClient, ShopifyClient, WooCommerceClient])
def test_a_client_has_a_repr_before_it_is_made(client):
    assert repr(client.__new__(client)).startswith(client.__name__)


def test_a_client_with_a_key_cannot_be_pickled(api):
    for client in (api, GelatoClient("hush"), WooCommerceClient("https://shop.example", "ck_of_tests", "hush")):
        with pytest.raises(TypeError, match="contains a key and cannot be pickled"):
            pickle.dumps(client)


class Dripping:
    """A body that comes in small pieces, each in time, for as long as somebody listens."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._gone = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._gone.wait(0.02):
                connection.sendall(b" ")

    def close(self):
        self._gone.set()
        self._server.close()


def test_a_response_that_does_not_end_times_out():
    server = Dripping()
    api = ShopApi(server.url, timeout=0.1, retry=ONCE)
    with pytest.raises(ra.OutcomeUnknown, match="no complete response in time"):
        api.change("PATCH", "/v4/orders/id-1", json={})
    server.close()


def test_a_response_that_is_too_long_is_refused(server, api, monkeypatch):
    monkeypatch.setattr("remote_artwork.http.MAX_RESPONSE_BYTES", 1000)
    server.fail((200, b'"' + b"a" * 2000 + b'"', {}), on="any")
    with pytest.raises(ra.Unavailable, match="sent more than"):
        api.read("GET", "/v4/orders/id-1")


def test_a_refused_connection_means_that_nothing_was_sent():
    nobody = ShopApi("http://127.0.0.1:9", retry=ONCE)
    with pytest.raises(ra.Unavailable, match="no connection"):
        nobody.change("PATCH", "/v4/orders/id-1", json={})


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("-1", 0.0), ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0), ("soon", None), (None, None)]
)
def test_retry_after_is_parsed(server, api, told, seconds):
    server.fail((429, {}, {} if told is None else {"Retry-After": told}), on="any")
    with pytest.raises(ra.RateLimited) as refusal:
        api.read("GET", "/v4/orders/id-1")
    assert refusal.value.retry_after == seconds


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://shop.example", "https"),
        ("ftp://shop.example", "https"),
        ("https://user:secret@shop.example", "as arguments"),
        ("shop.example", "https"),
        ("https://", "https"),
    ],
)
def test_a_url_that_would_reveal_the_key_is_refused(url, said):
    with pytest.raises(ra.ConfigurationError, match=said) as refusal:
        ShopApi(url)
    assert "secret" not in str(refusal.value)
