"""Kept connections: reused by one thread at a time, guarded, limited, and no request is sent twice."""

import gc
import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

import remote_artwork as ra
from remote_artwork.connections import Connections, ConnectTimeout, host_of
from remote_artwork.errors import InvalidLocation, StorageMisbehaved
from remote_artwork.http import MAX_RESPONSE_BYTES, AddressRefused
from remote_artwork.http_messages import ResponseCutShort

PATIENCE = 30.0
LOCAL = ra.NetworkPolicy(allow_private=True, allow_http=True)
OK = b"HTTP/1.1 200 OK\r\n"


def complete(body, headers=b""):
    return OK + headers + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class KeepingServer:
    """Answers each request with the bytes that ``answer`` returns for its head; ends the connection for None.

    Attributes:
        requests: The heads of all requests.
        connections: How many connections were made.
    """

    def __init__(self):
        self.answer = lambda head: complete(head.split(b" ")[1])
        self.requests, self.connections = [], 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()

    def end_connections(self):
        while self._open:
            connection = self._open.pop()
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client):
        with client, client.makefile("rb") as incoming:
            try:
                while head := b"".join(iter(incoming.readline, b"\r\n")):
                    self.requests.append(head)
                    answer = self.answer(head)
                    if answer is None:
                        return
                    client.sendall(answer)
                    if b"Connection: close" in answer:
                        return
            except OSError:
                return


@pytest.fixture
def server():
    with KeepingServer() as running:
        yield running


@pytest.fixture
def connections():
    return Connections(LOCAL)


@pytest.fixture
def get(connections, server):
    def send(path="/", method="GET", **options):
        return connections.request(method, server.url + path, headers={}, **{"timeout": PATIENCE, **options})

    return send


def test_requests_in_turn_use_one_connection(get, server):
    assert [get(f"/{number}").body for number in range(3)] == [b"/0", b"/1", b"/2"]
    assert get("/?a=b%20c").body == b"/?a=b%20c"
    server.answer = lambda _head: OK + b"X-Name: Value\r\nContent-Length: 5\r\n\r\n"
    assert get(method="HEAD").headers["x-name"] == "Value"
    server.answer = lambda _head: complete(b"after a HEAD")
    assert get(body=b"a body").body == b"after a HEAD"
    assert server.connections == 1
    assert b"Host: " + server.url.removeprefix("http://").encode() in server.requests[0]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://storage.example.com:443/b", "storage.example.com"),
        ("http://storage.example.com:80/b", "storage.example.com"),
        ("http://storage.example.com:443/b", "storage.example.com:443"),
        ("https://[2001:db8::1]:9000/b", "[2001:db8::1]:9000"),
        ("https://[2001:db8::443]/b", "[2001:db8::443]"),
    ],
)
def test_the_header_host_has_the_port_unless_it_is_the_usual_one(url, host):
    assert host_of(urlsplit(url)) == host


def test_a_url_without_a_path_asks_for_the_root(connections, server):
    for query in ("", "?list-type=2"):
        assert connections.request("GET", server.url + query, headers={}, timeout=PATIENCE).body == f"/{query}".encode()


@pytest.mark.parametrize("url", ["storage.example.com/b", "https:///b", "/b"])
def test_a_url_without_a_host_is_refused(connections, url):
    with pytest.raises(ValueError, match="scheme and a host"):
        connections.request("GET", url, headers={}, timeout=PATIENCE)


def test_threads_share_no_connection(get, server):
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda number: get(f"/{number}").body, range(500)))
    assert answers == [b"/%d" % number for number in range(500)]
    assert server.connections <= 32
    assert len(server.requests) == 500


def test_a_connection_that_the_server_ended_is_not_used_again(get, server):
    get()
    server.end_connections()
    assert get("/again").body == b"/again"
    server.answer = lambda head: complete(head.split(b" ")[1], b"Connection: close\r\n")
    assert [get("/1").body, get("/2").body] == [b"/1", b"/2"]
    assert (len(server.requests), server.connections) == (4, 3)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_request_that_fails_is_not_sent_again(get, server, is_first):
    if not is_first:
        get()
    server.answer = lambda _head: None
    with pytest.raises(ConnectionError):
        get()
    assert len(server.requests) == (1 if is_first else 2)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'ETag: "only a pa',
        OK + b"Content-Length: 5\r\n",
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nfour",
        OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n9\r\nfi",
    ],
)
def test_a_response_that_ends_early_is_an_error(get, server, answer):
    server.answer = lambda _head: answer + b"" if b"Connection: close" in answer else _sent_and_ended(server, answer)
    with pytest.raises(ResponseCutShort):
        get()


def _sent_and_ended(server, answer):
    server._open[-1].sendall(answer)


def test_a_chunked_response_is_read_completely(get, server):
    server.answer = lambda _head: OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert [get().body, get().body] == [b"fourtwo"] * 2
    assert server.connections == 1


@pytest.mark.parametrize("lengths", [[b"5", b"6"], [b"five"], [b"-5"], [b"5, 5"], [b"9" * 30]])
def test_a_response_without_a_valid_length_is_refused(get, server, lengths):
    headers = b"".join(b"Content-Length: %b\r\n" % length for length in lengths)
    server.answer = lambda _head: OK + headers + b"\r\nfives"
    with pytest.raises(StorageMisbehaved, match="not one of HTTP"):
        get()


@pytest.mark.parametrize(
    "head", [b"Content-Length: %d\r\n\r\n" % (MAX_RESPONSE_BYTES + 1), b"Connection: close\r\n\r\n"]
)
def test_a_response_that_is_too_long_is_not_read(get, server, head):
    server.answer = lambda _head: OK + head + bytes(MAX_RESPONSE_BYTES + 1)
    with pytest.raises(StorageMisbehaved, match="more than 16 MiB"):
        get()


def test_a_response_that_arrives_too_slowly_is_ended_in_time(get, server):
    stop = threading.Event()

    def drip(_head):
        client = server._open[-1]
        client.sendall(OK + b"Content-Length: 100000\r\n\r\n")
        while not stop.wait(0.05):
            client.sendall(b".")

    server.answer = drip
    try:
        with pytest.raises(TimeoutError):
            get(timeout=0.5)
    finally:
        stop.set()


def test_no_time_means_no_request(get, server):
    with pytest.raises(TimeoutError):
        get(timeout=0.0)
    assert server.requests == []


def test_only_allowed_addresses_are_connected(server):
    with pytest.raises(AddressRefused):
        Connections(ra.NetworkPolicy(allow_http=True)).request("GET", server.url, headers={}, timeout=PATIENCE)
    with pytest.raises(InvalidLocation, match="not encrypted"):
        Connections(ra.NetworkPolicy(allow_private=True)).request("GET", server.url, headers={}, timeout=PATIENCE)
    assert server.connections == 0


def test_a_server_that_does_not_listen_is_an_error(connections):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connections.request("GET", f"http://127.0.0.1:{port}/", headers={}, timeout=PATIENCE)


def test_connections_are_closed_with_their_owner(server):
    """A socket that is left open would be a warning, and so an error."""
    owner = Connections(LOCAL)
    owner.request("GET", server.url, headers={}, timeout=PATIENCE)
    del owner
    gc.collect()


class Unreachable(socket.socket):
    """A socket whose connection is never made."""

    def connect(self, _address):
        raise TimeoutError("timed out")


def test_a_connection_that_is_not_made_in_time_is_named(server, monkeypatch):
    monkeypatch.setattr(ra.NetworkPolicy, "socket_factory", lambda _self, info: Unreachable(info[0], info[1]))
    with pytest.raises(ConnectTimeout):
        Connections(LOCAL).request("GET", server.url, headers={}, timeout=PATIENCE)
    assert server.connections == 0


def test_an_ended_connection_is_noticed_on_systems_without_poll(get, server, monkeypatch):
    monkeypatch.delattr(select, "poll", raising=False)
    assert [get("/1").body, get("/2").body] == [b"/1", b"/2"]
    assert server.connections == 1
    server.end_connections()
    assert get("/3").body == b"/3"
    assert server.connections == 2
