"""Preflight of 200 typical print files on a storage with 50 ms latency: bytes read, and duration."""

import io
import math
import random
import threading
import time

import fsspec
import pikepdf
import pytest
from PIL import Image

import remote_artwork as ra
from remote_artwork.testing import FakeShop

FILES, ANSWER = 200, 0.05
NOISE = random.Random(5).randbytes(3_000_000)
ITEM = ra.OrderItem("1", print_size_mm=(300, 400))


def typical_files():
    """Name → content of 1 to 20 MB: photographs, drawings, and PDFs that contain a photograph."""
    noise = Image.frombytes("RGB", (1_000, 1_000), NOISE)
    for name, size, options in (
        ("small.jpg", (2_400, 3_200), {"quality": 90}),
        ("large.jpg", (4_000, 6_000), {"quality": 92}),
        ("drawing.png", (2_400, 3_200), {"compress_level": 1}),
    ):
        file = io.BytesIO()
        noise.resize(size).save(file, "JPEG" if name.endswith("jpg") else "PNG", **options)
        yield name, file.getvalue()
    for name, megabytes in (("leaflet.pdf", 3), ("poster.pdf", 18)):
        document, file = pikepdf.new(), io.BytesIO()
        document.add_blank_page(page_size=(850.4, 1133.9)).Contents = document.make_stream(
            NOISE[:1_000_000] * megabytes
        )
        document.save(file, compress_streams=False)
        yield name, file.getvalue()


class Slow(ra.ArtworkStorage):
    """Delays each answer and counts the bytes."""

    def __init__(self, *place):
        super().__init__(*place)
        self.bytes_read, self._counting = 0, threading.Lock()

    def _send(self, kind, request, /, *, name=None, deadline=math.inf):
        def slowly():
            time.sleep(ANSWER)
            answer = request()
            if kind == "get":
                with self._counting:
                    self.bytes_read += len(answer.content)
            return answer

        return super()._send(kind, slowly, name=name, deadline=deadline)


@pytest.fixture(scope="module")
def shop():
    """Orders of one item, with their files in the folder ``/typical``. Prints the mean size."""
    made, files, orders = list(typical_files()), fsspec.filesystem("memory"), []
    assert all(1_000_000 < len(data) < 21_000_000 for _, data in made)
    for number in range(FILES):
        name, data = made[number % len(made)]
        files.pipe(f"/typical/{number}_1.{name.rpartition('.')[2]}", data)
        orders.append(ra.Order(str(number), [ITEM]))
    yield orders, sum(len(data) for _, data in made) // len(made)
    files.rm("/typical", recursive=True)


@pytest.mark.parametrize("work", ["plan", "scan"])
@pytest.mark.parametrize("at_once", [1, None], ids=["one by one", "as usual"])
@pytest.mark.parametrize("depth", ["signature", "deep"])
def test_two_hundred_files(benchmark, shop, depth, at_once, work):
    orders, size = shop
    storage, policy = Slow(fsspec.filesystem("memory"), "/typical"), ra.Policy(preflight=depth)
    ledger = ra.MemoryLedger()
    scanner = ra.Scanner(storage, FakeShop(orders), ledger=ledger, policy=policy, orders_at_once=at_once)
    report = benchmark.pedantic(scanner.scan if work == "scan" else lambda: scanner.plan(verify=True), rounds=1)
    assert report.counts == {ra.ItemStatus.FULFILLED if work == "scan" else ra.ItemStatus.MATCHED: FILES}
    measured = {
        "files per second": round(FILES / benchmark.stats.stats.mean, 1),
        "bytes read per file": storage.bytes_read // FILES,
        "bytes stored per file": size,
        "requests per file": {kind: count / FILES for kind, count in report.requests.items()},
    }
    benchmark.extra_info |= measured
    print(depth, work, "one by one" if at_once else "as usual", measured)
    if depth == "signature":
        assert report.requests["get"] == 2 * FILES
        assert storage.bytes_read / FILES < 64 * 1024
