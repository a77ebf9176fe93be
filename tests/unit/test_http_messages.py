"""HTTP messages: read in any parts, as ``http.client`` reads them, and refused when they are not HTTP."""

import http.client
import io

import pytest
from attrs import define
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.http import MAX_RESPONSE_BYTES
from remote_artwork.http_messages import ResponseCutShort, ResponseReader, request_bytes

OK = b"HTTP/1.1 200 OK\r\n"
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines may be busy


@define
class Parts:
    """A source that sends these bytes in parts of this size."""

    content: bytes
    size: int = 1_000_000

    def receive(self):
        part, self.content = self.content[: self.size], self.content[self.size :]
        return part


def read(content, method="GET", size=1_000_000):
    reader = ResponseReader(Parts(content, size))
    return reader.read(method), reader.ends_connection


names = st.from_regex(r"x-[a-z]{1,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f\x85\xa0"), max_size=9)


@st.composite
def answers(draw):
    """A response, and its body."""
    body = draw(st.binary(max_size=40))
    lines = [f"HTTP/1.{draw(st.integers(0, 1))} {draw(st.sampled_from([200, 206, 404, 503]))} Reason"]
    lines += [f"{name}: {value}" for name, value in draw(st.dictionaries(names, values, max_size=4)).items()]
    lines += draw(st.sampled_from([[], ["Connection: close"], ["Connection: Keep-Alive"]]))
    framing = draw(st.sampled_from(["length", "chunked", "end"]))
    lines += {"length": [f"Content-Length: {len(body)}"], "chunked": ["Transfer-Encoding: chunked"], "end": []}[framing]
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
    if framing != "chunked":
        return head + body, body
    size = draw(st.integers(1, 9))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"".join(
        b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks
    ) + b"0\r\nX-Last: 1\r\n\r\n", body


class _Socket:
    def __init__(self, content):
        self._content = content

    def makefile(self, _mode):
        return io.BytesIO(self._content)


@patient
@given(answers(), st.integers(1, 30))
def test_a_response_is_read_as_by_the_standard_library_however_it_arrives(answer, size):
    content, body = answer
    expected = http.client.HTTPResponse(_Socket(content))
    expected.begin()
    response, ends_connection = read(content, size=size)
    assert response.status == expected.status
    assert response.body == expected.read() == body
    assert response.headers == {name.lower(): value for name, value in expected.getheaders()}
    assert ends_connection == expected.will_close


@patient
@given(answers(), st.data())
def test_a_response_that_ends_early_is_never_taken_for_a_whole_one(answer, data):
    content, body = answer
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    try:
        response, ends_connection = read(cut)
    except ResponseCutShort:
        return
    assert ends_connection  # without a length, the end of the connection is the end of the response
    assert body.startswith(response.body)


@pytest.mark.parametrize(
    ("method", "status"), [("GET", b"204 No Content"), ("GET", b"304 Not Modified"), ("HEAD", b"200 OK")]
)
def test_responses_without_a_body_end_with_their_headers(method, status):
    response, ends_connection = read(b"HTTP/1.1 %b\r\nETag: a\r\nContent-Length: 5\r\n\r\n" % status, method)
    assert (response.headers["etag"], response.body, ends_connection) == ("a", b"", False)


def test_an_announcement_is_followed_by_the_response():
    announced = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    response, _ = read(announced + OK + b"Content-Length: 2\r\n\r\nok")
    assert (response.status, response.body, dict(response.headers)) == (200, b"ok", {"content-length": "2"})


def test_nothing_follows_a_response_with_bytes_after_its_end():
    assert read(OK + b"Content-Length: 2\r\n\r\nok, and more")[1]
    assert read(OK + b"Content-Length: 2\r\n\r\nok", "HEAD")[1]
    assert not read(OK + b"Content-Length: 2\r\n\r\nok")[1]


@pytest.mark.parametrize(
    "content",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 099 Early\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        OK + b" X-Name: continues nothing\r\n\r\n",
        OK + b"X-Name: one\r\n  and two\r\n\r\n",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"Content-Length : 2\r\n\r\nok",
        OK + b": no name\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
        OK + b"X: y\r\n" * 101 + b"\r\n",
        OK + b"X: " + b"y" * 1_200_000,
    ],
)
def test_what_is_not_http_is_refused(content):
    with pytest.raises(StorageMisbehaved, match="not one of HTTP"):
        read(content, size=70_000)


def test_chunks_that_are_too_long_together_are_not_read():
    half = b"%x\r\n%b\r\n" % (MAX_RESPONSE_BYTES // 2 + 1, bytes(MAX_RESPONSE_BYTES // 2 + 1))
    with pytest.raises(StorageMisbehaved, match="more than 16 MiB"):
        read(OK + b"Transfer-Encoding: chunked\r\n\r\n" + half + half)


def test_a_request_has_its_headers_and_the_length_of_its_body():
    assert request_bytes("PUT", "/a?b", "h:1", {"X": "y"}, b"body") == (
        b"PUT /a?b HTTP/1.1\r\nHost: h:1\r\nX: y\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert request_bytes("GET", "/", "h", {}, None) == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/ä", "/\x7f"])
def test_a_target_that_is_not_percent_encoded_is_refused(target):
    with pytest.raises(ValueError, match="percent-encoded"):
        request_bytes("GET", target, "h", {}, None)


@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nY: b"), ("X", "a\nb"), ("X\r\nY", "b"), ("X", "\0")])
def test_a_header_with_a_line_break_is_refused(name, value):
    with pytest.raises(ValueError, match="line break"):
        request_bytes("GET", "/", "h", {name: value}, None)
