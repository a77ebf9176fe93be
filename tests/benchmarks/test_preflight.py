"""Preflight of 200 typical print files on a storage that answers after 50 ms: what is read, and how fast, at once."""

import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pikepdf
import pytest
from PIL import Image

from remote_artwork.core.findings import Severity
from remote_artwork.core.model import OrderItem, StoredFile
from remote_artwork.core.policy import Policy
from remote_artwork.preflight.run import run_checks
from remote_artwork.preflight.standard import preflight_checks
from remote_artwork.storage.reading import PiecewiseReader

FILES, AT_ONCE, ANSWER = 200, 8, 0.05
NOISE = random.Random(5).randbytes(3_000_000)
ITEM = OrderItem("1", print_size_mm=(300, 400))


def typical_files():
    """Name → bytes, 1 to 20 MB: photographs, drawings, and PDFs with a photograph in them."""
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


class Slow:
    """A storage's answers: each takes its time and is counted."""

    def __init__(self):
        self.requests, self.bytes, self._lock = 0, 0, threading.Lock()

    def reader(self, name, data):
        def fetch(start, end):
            time.sleep(ANSWER)
            with self._lock:
                self.requests, self.bytes = self.requests + 1, self.bytes + end - start
            return data[start:end]

        return PiecewiseReader(StoredFile(name=name, size=len(data), etag="e"), fetch)


@pytest.fixture(scope="module")
def files():
    made = list(typical_files())
    assert all(1_000_000 < len(data) < 21_000_000 for _, data in made)
    return [made[number % len(made)] for number in range(FILES)]


@pytest.mark.parametrize("depth", ["signature", "deep"])
def test_two_hundred_files_at_once(benchmark, files, depth):
    checks, storage = preflight_checks(Policy(preflight=depth)), Slow()

    def look(file):
        return run_checks(checks, storage.reader(*file), ITEM)

    def look_at_all():
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(look, files))

    found = benchmark.pedantic(look_at_all, rounds=1)
    assert not [finding for findings in found for finding in findings if finding.severity is Severity.REJECT]
    benchmark.extra_info |= {
        "files per second": round(FILES / benchmark.stats.stats.mean, 1),
        "bytes read per file": storage.bytes // FILES,
        "bytes stored per file": sum(len(data) for _, data in files) // FILES,
        "requests per file": storage.requests / FILES,
    }
    if depth == "signature":
        assert storage.requests == 2 * FILES
        assert storage.bytes / FILES < 64 * 1024
