"""Makes valid and broken print files for the tests of the preflight checks."""

import io
import random
import struct
import zlib

import pikepdf
from attrs import define, field
from PIL import Image

from remote_artwork.core.orders import StoredFile

MM = 72 / 25.4
JUNK = random.Random(11).randbytes(200_000)


@define
class Reader:
    """An ``ArtworkReader`` that reads from bytes and records each read."""

    file: StoredFile
    data: bytes
    reads: list[tuple[int, int]] = field(factory=list)

    def read(self, start, length):
        self.reads.append((start, length))
        return self.data[start : start + length]


def reader(name, data):
    return Reader(StoredFile(name=name, size=len(data), etag="e"), data)


def picture(kind, size=(400, 300), mode="RGB", **options):
    """Make a picture with detail, so that its data does not compress to almost nothing."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = Image.frombytes(mode, (100, 100), JUNK[: 100 * 100 * bands])
    file = io.BytesIO()
    noise.resize(size).save(file, kind, **options)
    return file.getvalue()


def chunk(name, body, *, checksum=None):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum or zlib.crc32(name + body))


def png(width, height, rows, *, depth=8, color=2, interlaced=0, extra=b""):
    """Make a PNG from its bytes before compression (``rows``), with ``extra`` chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
    packed = zlib.compress(rows)
    pieces = [chunk(b"IDAT", packed[at : at + 1_000]) for at in range(0, len(packed), 1_000)]
    return body + b"".join(pieces) + chunk(b"IEND", b"")


def pdf(*pages_mm, trim=None, rotate=None, font=None, **options):
    """Make a PDF with pages of these sizes in millimeters."""
    document = pikepdf.new()
    for width, height in pages_mm:
        page = document.add_blank_page(page_size=(width * MM, height * MM))
        if trim is not None:
            page.TrimBox = [10 * MM, 10 * MM, (10 + trim[0]) * MM, (10 + trim[1]) * MM]
        if rotate is not None:
            page.Rotate = rotate
        if font is not None:
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font(document))))
        text = b"" if font is None else b"\nBT /F1 12 Tf 20 20 Td (text) Tj ET"
        page.Contents = document.make_stream(b"% " + b"content " * 200 + text)
    file = io.BytesIO()
    document.save(file, **options)
    return file.getvalue()


def changed_pdf(change, data):
    """Apply a function to a PDF, and save it."""
    with pikepdf.open(io.BytesIO(data)) as document:
        change(document)
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


def sparse_pdf(first, *, stream=False, padding=0):
    """Make a small PDF with objects numbered from ``first``, as a page that was taken out of a large document."""

    def number(position):
        return b"%d 0" % (first + position)

    content = b"0 0 1 rg 20 20 200 300 re f" + b" " * padding
    bodies = [
        b"<</Type/Catalog/Pages %b R>>" % number(1),
        b"<</Type/Pages/Kids[%b R]/Count 1>>" % number(2),
        b"<</Type/Page/Parent %b R/MediaBox[0 0 283.46 425.2]/Contents %b R>>" % (number(1), number(3)),
        b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content),
    ]
    out, offsets = b"%PDF-1.5\n", []
    for position, body in enumerate(bodies):
        offsets.append(len(out))
        out += b"%b obj\n%b\nendobj\n" % (number(position), body)
    table = len(out)
    if stream:
        rows = b"\0\0\0\0\xff" + b"".join(b"\1" + at.to_bytes(3) + b"\0" for at in (*offsets, table))
        head = b"<</Type/XRef/Size %d/Root %b R/W[1 3 1]" % (first + 5, number(0))
        head += b"/Index[0 1 %d 5]/Length %d>>" % (first, len(rows))
        out += b"%b obj\n%b\nstream\n%b\nendstream\nendobj\n" % (number(4), head, rows)
    else:
        out += b"xref\n0 1\n0000000000 65535 f \n%d 4\n" % first
        out += b"".join(b"%010d 00000 n \n" % at for at in offsets)
        out += b"trailer<</Size %d/Root %b R>>\n" % (first + 4, number(0))
    return out + b"startxref\n%d\n%%%%EOF\n" % table


def standard_font(_document):
    return pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)


def embedded_font(document):
    descriptor = pikepdf.Dictionary(Type=pikepdf.Name.FontDescriptor, FontFile2=document.make_stream(b"font"))
    inner = pikepdf.Dictionary(Subtype=pikepdf.Name.CIDFontType2, FontDescriptor=descriptor)
    return pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type0, DescendantFonts=[inner], BaseFont=pikepdf.Name("/AB+Inter")
    )


def object_stream_bomb(megabytes):
    """Make a small PDF whose catalog is in a stream that decompresses to this many megabytes."""
    packer = zlib.compressobj(9)
    packed = packer.compress(b"1 0 <</Type/Catalog/Pages 2 0 R>>")
    packed += b"".join(packer.compress(b" " * 1024**2) for _ in range(megabytes)) + packer.flush()
    out, at = b"%PDF-1.7\n", {}
    for number, body in {
        2: b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
        3: b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(packed), packed),
        4: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    }.items():
        at[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    at[5] = len(out)
    rows = [(0, 0, 0), (2, 3, 0), *((1, at[number], 0) for number in (2, 3, 4, 5))]
    table = b"".join(struct.pack(">BIB", *row) for row in rows)
    head = b"<</Type/XRef/Size 6/W[1 4 1]/Root 1 0 R/Length %d>>" % len(table)
    return out + b"5 0 obj\n%bstream\n%b\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (head, table, at[5])
