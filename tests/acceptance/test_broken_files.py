"""A corpus of good and broken files, each checked in depth through the public API, and each with its one verdict."""

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
    "garbage-behind.png": PICTURE + b"PK\x05\x06" + bytes(18),
    "plain.pdf": CARD,
    "two.pdf": pdf(A6, A6, force_version="2.0"),
    "garbage-behind.pdf": CARD + b"\n\0\0\0 left by a mail gateway",
    "zip-behind.pdf": CARD + b"PK\x05\x06" + bytes(18),
    "linearized.pdf": pdf(A6, linearize=True),
}
WARNED = {
    "lost-half.jpg": (BASELINE[: len(BASELINE) // 2] + b"\xff\xd9", "gray_end"),
    "fonts.pdf": (pdf(A6, font=standard_font), "font_not_embedded"),
    "mended.pdf": (CARD.replace(b"startxref\n", b"startxref\n9"), "repaired"),
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
    "no-printing.pdf": (pdf(A6, encryption=pikepdf.Encryption(owner="o")), "encrypted"),
    "no-pages.pdf": (pdf(), "no_pages"),
    "bomb.pdf": (object_stream_bomb(1_000), "damaged"),
    "pixel.png": (picture("PNG", (1, 1)), "too_small"),
    "pixel.jpg": (picture("JPEG", (1, 1)), "too_small"),
    "bomb.png": (png(30_000, 30_000, bytes(3_000_000)), "too_many_pixels"),
    "hole.png": (PICTURE[:500] + bytes(200) + PICTURE[700:], "damaged"),
    "short.png": (png(400, 400, bytes(100)), "damaged"),
    "tables.jpg": (BASELINE[:182] + b"\xff" * 16 + BASELINE[198:], "damaged"),
}


@pytest.fixture(scope="module")
def shop_of_all():
    """A scanner over all files at once, each of an order of its own, whose number is the file's name."""
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


def of(report, name):
    return report["-".join(name.rsplit(".", 1))]


def codes(item, severity):
    return [finding.code for finding in item.findings if finding.severity is severity]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_goes_to_print(shop_of_all, name):
    item = of(shop_of_all[1], name)
    assert item.status is ra.ItemStatus.FULFILLED, item.reason
    assert codes(item, Severity.WARN) == []
    assert codes(item, Severity.PASS)


@pytest.mark.parametrize("name", WARNED)
def test_a_doubtful_file_goes_to_print_with_a_warning(shop_of_all, name):
    item = of(shop_of_all[1], name)
    assert item.status is ra.ItemStatus.FULFILLED, item.reason
    assert codes(item, Severity.WARN) == [WARNED[name][1]]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_rejected_with_its_one_code(shop_of_all, name):
    item = of(shop_of_all[1], name)
    assert item.status is ra.ItemStatus.REJECTED, item
    assert codes(item, Severity.REJECT) == [BROKEN[name][1]]


def test_a_rejected_version_is_not_read_again_and_a_new_one_is(shop_of_all):
    scanner, first = shop_of_all
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
from remote_artwork.storage.reader import RangeReader

def seconds_so_far():
    own, apart = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + apart.ru_utime + apart.ru_stime

def measure(path):
    file = path.open("rb")
    def fetch(start, end):
        file.seek(start)
        return file.read(end - start)
    reader = RangeReader(StoredFile(name=path.name, size=path.stat().st_size, etag="e"), fetch)
    checks = preflight_checks(ra.Policy(preflight="deep"))
    return [finding.code for check in checks for finding in check.check(reader, ra.OrderItem("1"))]

for path in map(Path, sys.argv[1:]):
    before = seconds_so_far()
    found = measure(path)
    [peak] = re.findall(r"VmHWM:\s*([0-9]+) kB", Path("/proc/self/status").read_text())
    peak = int(peak) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps([path.name, found, seconds_so_far() - before, peak // 1024]))
"""


@pytest.fixture(scope="module")
def large():
    """40 megapixels with as much detail as a photograph has."""
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
def test_forty_megapixels_take_less_than_two_seconds_and_300_megabytes(large, tmp_path, monkeypatch, name, options):
    monkeypatch.setattr(ImageFile, "MAXBLOCK", 2**27)  # Pillow writes a progressive picture in one go
    large.save(tmp_path / name, **options)
    [(_, found, seconds, megabytes)] = measured(tmp_path / name)
    assert found == ["pixels", "color_mode"]
    assert seconds < 2
    assert megabytes < 300


def test_no_good_and_no_hostile_file_takes_more_than_that(tmp_path):
    files = GOOD | {
        name: data for name, (data, code) in (WARNED | BROKEN).items() if code not in ("truncated", "empty")
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    took = measured(*(tmp_path / name for name in files))
    assert len(took) == len(files)
    assert [(name, seconds) for name, _, seconds, _ in took if seconds >= 2] == []
    assert took[-1][3] < 300


def measured(*paths):
    """Name, codes, seconds of processor time, and the peak so far in megabytes, of each file."""
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
