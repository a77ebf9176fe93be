"""What a hostile storage answers, by name: for every protocol alike, or in the protocol's own format.

A ``HostileServer`` plays the attack whose name stands in the path of the request, as if it were a bucket.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from xml.sax.saxutils import escape

from hostile_server import HostileServer

PIECE = b"x" * 65536
OK = b"HTTP/1.1 200 OK\r\nETag: 1\r\n"
CLOSE = b"Connection: close\r\n"

Names = Iterable[str]


def page_of(protocol: str, names: Names, token: str = "", modified: str = "") -> bytes:
    """One page of a listing in the protocol's own format."""
    if protocol == "gcs":
        when = {"updated": modified} if modified else {}
        items = [{"name": name, "size": "1", "generation": "1", **when} for name in names]
        more = {"nextPageToken": token} if token else {}
        return json.dumps({"kind": "storage#objects", "items": items, **more}).encode()
    if protocol == "azure":
        when = f"<Last-Modified>{modified}</Last-Modified>" if modified else ""
        blobs = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties><Content-Length>1</Content-Length><Etag>e</Etag>"
            f"<BlobType>BlockBlob</BlobType>{when}</Properties></Blob>"
            for name in names
        )
        return (
            '<?xml version="1.0"?><EnumerationResults ServiceEndpoint="http://h/" ContainerName="c">'
            f"<Blobs>{blobs}</Blobs><NextMarker>{token}</NextMarker></EnumerationResults>"
        ).encode()
    when = f"<LastModified>{modified}</LastModified>" if modified else ""
    contents = "".join(
        f"<Contents><Key>{escape(name)}</Key><Size>1</Size><ETag>e</ETag>{when}</Contents>" for name in names
    )
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    return (
        '<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix>in/</Prefix>'
        f"{more if token else '<IsTruncated>false</IsTruncated>'}{contents}</ListBucketResult>"
    ).encode()


def whole(protocol: str, body: bytes, headers: bytes = b"") -> list[bytes]:
    """An answer with its right length."""
    kind = b"application/json" if protocol == "gcs" else b"application/xml"
    length = f"Content-Length: {len(body)}\r\n".encode()
    return [OK + b"Content-Type: " + kind + b"\r\n" + length + headers + CLOSE + b"\r\n", body]


@cache
def _bombs(protocol: str) -> Mapping[str, bytes]:
    """Bodies that grow when they are read."""
    root = {"azure": "EnumerationResults"}.get(protocol, "ListBucketResult")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    entity = "y" * 100_000
    return {
        "billion-laughs": f'<!DOCTYPE z [<!ENTITY l0 "ha">{laughs}]><{root}><Name>&l11;</Name></{root}>'.encode(),
        "quadratic": f'<!DOCTYPE z [<!ENTITY e "{entity}">]><{root}><Name>{"&e;" * 100_000}</Name></{root}>'.encode(),
        "outside-entity": f'<!DOCTYPE z [<!ENTITY e SYSTEM "file:///etc/passwd">]><{root}><Name>&e;</Name></{root}>'.encode(),
        "deep-xml": f"<{root}>".encode() + b"<a>" * 4_000_000,
        "wide-xml": f"<{root}>".encode() + b"<a/>" * 3_900_000 + f"</{root}>".encode(),
        "deep-json": b'{"kind": "storage#objects", "items": ' + b"[" * 1_000_000,
        "wide-json": b'{"kind": "storage#objects", "items": [' + b"{}," * 5_000_000 + b"{}]}",
        "malformed": page_of(protocol, ["in/a.png"])[:-20],
        "not-text": f"<{root}>".encode() + bytes(range(256)) * 100,
    }


@cache
def _packed_zeros() -> bytes:
    """200 MiB of nothing."""
    return gzip.compress(bytes(200 * 2**20), 1)


BAD_NAMES = ("in/../secret.png", "in/a\tb.png", f"in/{'n' * 100_000}.png", "in//x.png", "in/a\\b.png")
GOOD_NAME = "in/good.png"

IMPOSSIBLE_TIMES = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-10:00",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -1000",
)
"""Each is written as a time is, and is none of the years that a clock can show."""


def attacks(protocol: str, server: HostileServer) -> Mapping[str, Callable[[], Iterable[bytes]]]:
    """Name → pieces of the answer."""
    chunk = b"10000\r\n" + PIECE + b"\r\n"
    bomb = _packed_zeros()
    tokens = itertools.count()
    bodies = {name: whole(protocol, body) for name, body in _bombs(protocol).items()}
    page = page_of(protocol, [GOOD_NAME])
    return {
        **{name: (lambda pieces=pieces: pieces) for name, pieces in bodies.items()},
        **{
            f"impossible-time-{number}": (
                lambda time=time: whole(protocol, page_of(protocol, [GOOD_NAME], modified=time))
            )
            for number, time in enumerate(IMPOSSIBLE_TIMES)
        },
        "good": lambda: whole(protocol, page),
        "bad-names": lambda: whole(protocol, page_of(protocol, [*BAD_NAMES, GOOD_NAME])),
        "other-folder": lambda: whole(protocol, page_of(protocol, ["/etc/passwd", GOOD_NAME])),
        "endless-body": lambda: itertools.chain([OK + CLOSE + b"\r\n"], itertools.repeat(PIECE)),
        "endless-chunks": lambda: itertools.chain(
            [OK + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(chunk)
        ),
        "waiting-chunk-size": lambda: itertools.chain(
            [OK + b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"0" * 65536)
        ),
        "endless-headers": lambda: itertools.chain([OK], itertools.repeat(b"X-More: more\r\n" * 1000)),
        "endless-header": lambda: itertools.chain([OK + b"X-Long: "], itertools.repeat(PIECE)),
        "endless-status": lambda: itertools.chain([b"HTTP/1.1 200 "], itertools.repeat(PIECE)),
        "waiting-continue": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        "endless-cookies": lambda: whole(
            protocol, page, b"".join(b"Set-Cookie: c%d=%s\r\n" % (n, b"c" * 4000) for n in range(50))
        ),
        "waiting-headers": lambda: itertools.chain([OK + b"X-Slow: "], server.drip(b"s")),
        "waiting-body": lambda: itertools.chain([OK + b"Content-Length: 10000\r\n\r\n"], server.drip(b" ")),
        "gzip-bomb": lambda: whole(protocol, bomb, b"Content-Encoding: gzip\r\n"),
        "deflate-bomb": lambda: whole(protocol, bomb[10:-8], b"Content-Encoding: deflate\r\n"),
        "promised-too-much": lambda: [OK + b"Content-Length: 999999999999\r\n" + CLOSE + b"\r\n" + page],
        "promised-too-little": lambda: [OK + b"Content-Length: 9\r\n" + CLOSE + b"\r\n" + page],
        "promised-nonsense": lambda: [OK + b"Content-Length: -5\r\n" + CLOSE + b"\r\n" + page],
        "not-http": lambda: [b"SSH-2.0-OpenSSH_9.6\r\n" * 10],
        "silent-close": list,
        "endless-listing": lambda: whole(
            protocol, page_of(protocol, (f"in/{n}.png" for n in range(500)), f"t{next(tokens)}")
        ),
        "endless-empty-pages": lambda: whole(protocol, page_of(protocol, (), f"t{next(tokens)}")),
        "endless-tokens": lambda: whole(protocol, page_of(protocol, (), f"t{next(tokens)}" + "t" * 2_000_000)),
    }


def play(protocol: str, server: HostileServer) -> None:
    """Lets a server play them all, by the name of the bucket that is asked for."""
    known = attacks(protocol, server)
    longest_first = sorted(known, key=len, reverse=True)

    def answer(head: bytes) -> Iterable[bytes]:
        path = head.split(b"\r\n", 1)[0].decode("latin-1")
        return known[next(name for name in longest_first if f"/{name}" in path)]()

    server.answer(answer)
