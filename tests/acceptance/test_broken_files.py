"""Deep checks of valid and broken files through the public API. Each file has one expected result."""

import json
import subprocess
import sys

import fsspec
import pikepdf
import pytest
from PIL import Image, ImageFile

import remote_artwork as ra
from print_files import JUNK, chunk, object_stream_bomb, pdf, picture, png, standard_font
from remote_artwork.reports import Severity
from remote_artwork.testing import FakeShop

A6 = (105, 148)
BASELINE, PROGRESSIVE = picture("JPEG", quality=95), picture("JPEG", quality=95, progressive=True)
PICTURE, CARD = picture("PNG"), pdf(A6)
TEXTS = chunk(b"tEXt", b"Title\0card") + chunk(b"zTXt", b"Notes\0\0x") + chunk(b"iTXt", b"XML\0\0\0\0\0<x/>")
WHOLE = {"jpg": BASELINE, "jpeg": PROGRESSIVE, "png": PICTURE, "pdf": CARD}

GOOD = {
    "plain.jpg": BASELINE,
    "progressive.jpg": PROGRESSIVE,
    "cmyk.jpg": picture("JPEG", mode="CMYK"),
    "gray.jpg": picture("JPEG", mode="L"),
    "plain.png": PICTURE,
    "sixteen-bit.png": png(20, 20, (b"\0" + JUNK[:120]) * 20, depth=16),
    "transparent.png": picture("PNG", mode="RGBA"),
    "texts.png": png(20, 20, (b"\0" + JUNK[:60]) * 20, extra=TEXTS),
    "garbage-after.png": PICTURE + b"PK\x05\x06" + bytes(18),
    "plain.pdf": CARD,
    "two.pdf": pdf(A6, A6, force_version="2.0"),
    "garbage-after.pdf": CARD + b"\n\0\0\0 added by a mail gateway",
    "zip-after.pdf": CARD + b"PK\x05\x06" + bytes(18),
    "linearized.pdf": pdf(A6, linearize=True),
    "owner-password.pdf": pdf(A6, encryption=pikepdf.Encryption(owner="o")),
}
WARNED = {
    "fonts.pdf": (pdf(A6, font=standard_font), "font_not_embedded"),
    "repaired.pdf": (CARD.replace(b"startxref\n", b"startxref\n9"), "repaired"),
}
BROKEN = {
    **{
        f"{kind}-{tenth}0.{kind}": (data[: len(data) * tenth // 10], "empty" if tenth == 0 else "truncated")
        for kind, data in WHOLE.items()
        for tenth in range(10)
    },
    "a-png.jpg": (PICTURE, "wrong_type"),
    "a-jpeg.png": (BASELINE, "wrong_type"),
    "a-picture.pdf": (BASELINE, "wrong_type"),
    "a-pdf.png": (CARD, "wrong_type"),
    "a-page.png": (b"<!DOCTYPE html><title>502</title>", "wrong_type"),
    "polyglot.pdf": (BASELINE[:20] + CARD, "wrong_type"),
    "polyglot.jpg": (CARD + BASELINE, "wrong_type"),
    "password.pdf": (pdf(A6, encryption=pikepdf.Encryption(owner="o", user="u")), "encrypted"),
    "no-printing.pdf": (
        pdf(A6, encryption=pikepdf.Encryption(owner="o", allow=pikepdf.Permissions(print_highres=False))),
        "printing_forbidden",
    ),
    "no-pages.pdf": (pdf(), "no_pages"),
    "bomb.pdf": (object_stream_bomb(1_000), "damaged"),
    "pixel.png": (picture("PNG", (1, 1)), "too_small"),
    "pixel.jpg": (picture("JPEG", (1, 1)), "too_small"),
    "bomb.png": (png(30_000, 30_000, bytes(3_000_000)), "too_many_pixels"),
    "hole.png": (PICTURE[:500] + bytes(200) + PICTURE[700:], "damaged"),
    "short.png": (png(400, 400, bytes(100)), "damaged"),
    "lost-half.jpg": (BASELINE[: len(BASELINE) // 2] + b"\xff\xd9", "damaged"),
    "tables.jpg": (BASELINE[:182] + b"\xff" * 16 + BASELINE[198:], "damaged"),
}


@pytest.fixture(scope="module")
def scan_of_all():
    """A scanner, and the outcomes of one scan over all files. Each file has its own order, named after the file."""
    files = fsspec.filesystem("memory")
    orders = []
    for name, data in {**GOOD, **{name: data for name, (data, _) in (WARNED | BROKEN).items()}}.items():
        stem, _, extension = name.rpartition(".")
        order = f"{stem}-{extension}"
        files.pipe(f"/corpus/{order}_1.{extension}", data)
        orders.append(ra.Order(order, [ra.OrderItem("1")]))
    shop, policy = FakeShop(orders), ra.Policy(preflight="deep", settle_for=None)
    scanner = ra.Scanner(ra.ArtworkStorage(files, "/corpus"), shop, ledger=ra.MemoryLedger(), policy=policy)
    yield scanner, {item.order_number: item for item in scanner.scan().items}
    files.rm("/corpus", recursive=True)


def outcome(items, name):
    return items["-".join(name.rsplit(".", 1))]


def codes(item, severity):
    return [finding.code for finding in item.findings if finding.severity is severity]


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_file_is_printed(scan_of_all, name):
    item = outcome(scan_of_all[1], name)
    assert item.status is ra.ItemStatus.FULFILLED, item.reason
    assert codes(item, Severity.WARN) == []
    assert codes(item, Severity.PASS)


@pytest.mark.parametrize("name", WARNED)
def test_a_doubtful_file_is_printed_with_a_warning(scan_of_all, name):
    item = outcome(scan_of_all[1], name)
    assert item.status is ra.ItemStatus.FULFILLED, item.reason
    assert codes(item, Severity.WARN) == [WARNED[name][1]]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_rejected_with_one_code(scan_of_all, name):
    item = outcome(scan_of_all[1], name)
    assert item.status is ra.ItemStatus.REJECTED, item
    assert codes(item, Severity.REJECT) == [BROKEN[name][1]]


def test_a_rejected_version_is_not_read_again_but_a_new_one_is(scan_of_all):
    scanner, first = scan_of_all
    report = scanner.scan()
    assert report.requests["get"] == 0
    assert len(report.items) == sum(item.status is ra.ItemStatus.REJECTED for item in first.values())
    fsspec.filesystem("memory").pipe("/corpus/pixel-png_1.png", PICTURE)
    [item] = scanner.scan(orders=["pixel-png"]).items
    assert item.status is ra.ItemStatus.FULFILLED


MEASURE = r"""
import json, re, resource, sys
from pathlib import Path
import remote_artwork as ra
from remote_artwork.preflight import preflight_checks
from remote_artwork.storage import StoredFile
from remote_artwork.storage.reader import FilePart, PinnedFile, RangeReader

def cpu_seconds():
    own, sandbox = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + sandbox.ru_utime + sandbox.ru_stime

def measure(path):
    file = path.open("rb")
    def fetch(_file, start, end):
        file.seek(start)
        return FilePart(content=file.read(end - start))
    stored = StoredFile(name=path.name, size=path.stat().st_size, etag="e")
    reader = RangeReader(PinnedFile(stored, None, fetch))
    checks = preflight_checks(ra.Policy(preflight="deep"))
    return [finding.code for check in checks for finding in check.check(reader, ra.OrderItem("1"))]

for path in map(Path, sys.argv[1:]):
    before = cpu_seconds()
    found = measure(path)
    [peak] = re.findall(r"VmHWM:\s*([0-9]+) kB", Path("/proc/self/status").read_text())
    peak = int(peak) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps([path.name, found, cpu_seconds() - before, peak // 1024]))
"""


@pytest.fixture(scope="module")
def large():
    """40 megapixels with as much detail as a photo."""
    tile = Image.frombytes("RGB", (250, 250), JUNK[: 250 * 250 * 3]).resize((1_000, 1_000))
    whole = Image.new("RGB", (8_000, 5_000))
    for corner in ((x, y) for x in range(0, 8_000, 1_000) for y in range(0, 5_000, 1_000)):
        whole.paste(tile, corner)
    return whole


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("baseline.jpg", {"quality": 85}),
        ("progressive.jpg", {"quality": 85, "progressive": True}),
        ("densest.jpg", {"quality": 50, "progressive": True, "subsampling": 0}),
        ("plain.png", {"compress_level": 1}),
    ],
)
def test_40_megapixels_take_less_than_2_seconds_and_300_megabytes(large, tmp_path, monkeypatch, name, options):
    monkeypatch.setattr(ImageFile, "MAXBLOCK", 2**27)  # Pillow writes a progressive picture in one go
    large.save(tmp_path / name, **options)
    [(_, found, seconds, megabytes)] = measure_files(tmp_path / name)
    assert found == ["pixels", "color_mode"]
    assert seconds < 2
    assert megabytes < 300


def test_no_file_takes_more_than_2_seconds_and_300_megabytes(tmp_path):
    files = GOOD | {
        name: data for name, (data, code) in (WARNED | BROKEN).items() if code not in ("truncated", "empty")
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    results = measure_files(*(tmp_path / name for name in files))
    assert len(results) == len(files)
    assert [(name, seconds) for name, _, seconds, _ in results if seconds >= 2] == []
    assert results[-1][3] < 300


def measure_files(*paths):
    """Return (name, codes, CPU seconds, peak memory so far in megabytes) for each file."""
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
