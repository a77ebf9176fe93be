"""A very fast S3 server for measuring clients: it lists keys that are made up as they are asked for, and keeps nothing.

Run as ``python canned_s3.py PORT``. A bucket's name says what is in it: ``n100000`` holds 100,000 keys from
``in/00000000_1.png`` on. In ``p100000`` each of them is a small picture that can be read.

It checks no signatures. ``/-/count`` tells the requests so far as JSON and forgets them,
``/-/delay/MS`` makes every answer so late, ``/-/busy/K`` refuses all beyond the first K that wait for one (0: none),
and ``/-/most`` tells how many waited at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import zlib
from bisect import bisect_right
from collections import Counter
from functools import cache
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

KEY = "in/%08d_1.png"
_CONTENTS = (
    f"<Contents><Key>{KEY}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;9e107d9d372bb6826bd81d3542a419d6&quot;</ETag><Size>SIZE</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
PICTURE_SIZE = 20_000
_PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{token}{contents}</ListBucketResult>"
)


class Keys:
    """The keys of one bucket, as a sequence that holds none of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> str:
        if position >= self._count:
            raise IndexError(position)
        return KEY % position


def page(bucket: str, query: dict[str, list[str]]) -> str:
    """One page of ListObjects or ListObjectsV2."""
    keys = Keys(int(bucket[1:]))
    prefix, size = query.get("prefix", [""])[0], int(query.get("max-keys", ["1000"])[0])
    after = query.get("start-after", query.get("marker", [""]))[0]
    token = query.get("continuation-token", [""])[0]
    begin = int(token) if token else max(bisect_right(keys, after), bisect_right(keys, prefix))
    end = min(begin + size, len(keys))
    if prefix:
        end = min(end, bisect_right(keys, f"{prefix}\U0010ffff"))
    truncated = end == begin + size < len(keys)
    return _PAGE.format(
        bucket=bucket,
        prefix=prefix,
        count=end - begin,
        truncated=str(truncated).lower(),
        token=f"<NextContinuationToken>{end}</NextContinuationToken>" if truncated else "",
        contents=_CONTENTS.replace("SIZE", str(len(picture())) if bucket[0] == "p" else "1234567")
        * (end - begin)
        % tuple(range(begin, end)),
    )


@cache
def picture() -> bytes:
    """A valid PNG of noise, of about ``PICTURE_SIZE`` bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    side = 80
    noise = random.Random(1).randbytes(side * side * 3)
    rows = b"".join(b"\0" + noise[at : at + side * 3] for at in range(0, len(noise), side * 3))
    header = side.to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    pieces = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def object_answer(method: str, head: str) -> tuple[str, str, bytes]:
    """Status, headers and body of the answer about one picture."""
    content = picture()
    status, extra, body = "200 OK", "", content
    if found := re.search(r"(?i)\r\nrange: *bytes=(\d+)-(\d*)", head):
        start, end = int(found[1]), min(int(found[2] or len(content)) + 1, len(content))
        status, body = "206 Partial Content", content[start:end]
        extra = f"Content-Range: bytes {start}-{end - 1}/{len(content)}\r\n"
    headers = (
        f'Content-Length: {len(body)}\r\n{extra}ETag: "9e107d9d372bb6826bd81d3542a419d6"\r\n'
        "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: image/png\r\nAccept-Ranges: bytes\r\n"
    )
    return status, headers, b"" if method == "HEAD" else body


class Server(asyncio.Protocol):
    """One connection. Requests have no bodies."""

    counts: ClassVar[Counter[str]] = Counter()
    delay: ClassVar[float] = 0.0
    waiting: ClassVar[int] = 0
    most: ClassVar[int] = 0
    busy: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            method, target, _ = head.decode().split("\r\n")[0].split(" ")
            Server.waiting += 1
            Server.most = max(Server.most, Server.waiting)
            refused = 0 < Server.busy < Server.waiting
            answer = self._refuse if refused else self._answer
            asyncio.get_running_loop().call_later(self.delay, answer, method, urlsplit(target), head.decode())

    def _answer(self, method: str, target, head: str) -> None:
        Server.waiting -= 1
        parts = target.path.strip("/").split("/")
        if parts[0] == "-":
            self._write("200 OK", self._control(*parts[1:]))
            return
        listed = len(parts) == 1 and method == "GET" and re.fullmatch(r"[np][0-9]+", parts[0])
        if parts[0].startswith("p") and len(parts) > 1:
            self.counts[method] += 1
            status, headers, body = object_answer(method, head)
            self._transport.write(f"HTTP/1.1 {status}\r\n{headers}\r\n".encode() + body)
            return
        self.counts["list" if listed else method] += 1
        self._write(
            "200 OK", page(parts[0], parse_qs(target.query, keep_blank_values=True)).encode() if listed else b""
        )

    def _refuse(self, *_: object) -> None:
        Server.waiting -= 1
        self.counts["refused"] += 1
        self._write("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>")

    def _write(self, status: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def _control(self, command: str, *arguments: str) -> bytes:
        if command == "delay":
            Server.delay = int(arguments[0]) / 1000
        if command == "busy":
            Server.busy = int(arguments[0])
        answered = Server.most if command == "most" else self.counts
        answer = json.dumps(answered).encode()
        self.counts.clear()
        Server.most = 0
        return answer


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
