"""Makes a corpus of print files: valid ones with each feature of their formats, and ones that were damaged."""

import io
import itertools
import struct
import zlib

import pikepdf
from PIL import Image

from print_files import JUNK, MM, chunk, embedded_font, png, sparse_pdf, standard_font

FILM = (
    struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"mp42", 0, b"isom", b"mp42") + struct.pack(">I4s", 150_000, b"mdat") + JUNK
)
SIZES = ((37, 21), (400, 300), (640, 911))


def noise(mode, size):
    """Make a picture with detail."""
    if mode == "I;16":
        return Image.frombytes(mode, (100, 100), JUNK[:20_000]).resize(size, Image.Resampling.NEAREST)
    if mode == "1":
        return Image.frombytes("L", (100, 100), JUNK[:10_000]).resize(size).convert("1")
    if mode == "P":
        return Image.frombytes("RGB", (100, 100), JUNK[:30_000]).resize(size).convert("P")
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (100, 100), JUNK[: 10_000 * bands]).resize(size)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


# JPEG.

ENCODINGS = {
    "baseline": {"quality": 90},
    "progressive": {"quality": 90, "progressive": True},
    "optimized": {"quality": 75, "optimize": True},
    "restart": {"quality": 85, "restart_marker_blocks": 5},
    "restart-rows": {"quality": 85, "restart_marker_rows": 1, "progressive": True},
    "best": {"quality": 100, "subsampling": 0},
    "poor": {"quality": 25},
    "half-colors": {"quality": 80, "subsampling": 1},
}


def exif_with_thumbnail():
    thumbnail = saved(noise("RGB", (160, 120)), "JPEG")
    return b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail


def jpegs():
    """Yield (name, bytes) of valid JPEGs."""
    for mode, size, (label, options) in itertools.product(("L", "RGB", "CMYK"), SIZES, ENCODINGS.items()):
        yield f"{mode}-{size[0]}-{label}", saved(noise(mode, size), "JPEG", **options)
    photo = noise("RGB", (400, 300))
    rotated = Image.Exif()
    rotated[0x0112] = 6
    metadata = {
        "profile": {"icc_profile": JUNK[:3_000]},
        "long-profile": {"icc_profile": JUNK * 3},
        "thumbnail": {"exif": exif_with_thumbnail()},
        "rotated": {"exif": rotated},
        "comment": {"comment": b"matt paper, please"},
        "dpi": {"dpi": (300, 300)},
        "rgb-stored": {"keep_rgb": True},
    }
    for label, options in metadata.items():
        for mode in ("RGB", "CMYK") if label != "rgb-stored" else ("RGB",):
            yield f"{label}-{mode}", saved(photo.convert(mode), "JPEG", **options)
    for label, options in ENCODINGS.items():
        data = saved(photo, "JPEG", **options)
        for after, trailer in {"film": FILM, "zeros": bytes(100_000), "text": b"\r\n<!-- -->" * 50}.items():
            yield f"{label}-with-{after}-behind", data + trailer
        yield f"{label}-padded", data[:-2] + bytes(500) + data[-2:]


# PNG.


def pngs():
    """Yield (name, bytes) of valid PNGs."""
    for mode, size, level in itertools.product(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), SIZES, (0, 6, 9)):
        yield f"{mode.replace(';', '-')}-{size[0]}-level-{level}", saved(noise(mode, size), "PNG", compress_level=level)
    for color, depth in ((0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (4, 8), (4, 16), (6, 8), (6, 16)):
        samples = {0: 1, 2: 3, 4: 2, 6: 4}[color]
        row = b"\0" + JUNK[: -(-33 * samples * depth // 8)]
        yield f"color-{color}-depth-{depth}", png(33, 40, row * 40, color=color, depth=depth)
    extras = {
        "text": chunk(b"tEXt", b"Title\0card"),
        "profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(JUNK[:5_000])),
        "resolution": chunk(b"pHYs", struct.pack(">IIB", 11_811, 11_811, 1)),
        "srgb": chunk(b"sRGB", b"\0"),
        "exif": chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0"),
        "private": chunk(b"prVt", JUNK[:70_000]),
    }
    for label, extra in extras.items():
        yield label, png(33, 40, (b"\0" + JUNK[:99]) * 40, extra=extra)
    data = saved(noise("RGB", (400, 300)), "PNG")
    for after, trailer in {"archive": b"PK\x05\x06" + bytes(18), "film": FILM, "zeros": bytes(100_000)}.items():
        yield f"with-{after}-behind", data + trailer


# PDF.

SAVED = {
    "plain": {},
    "uncompressed": {"compress_streams": False},
    "object-streams": {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
    "linearized": {"linearize": True},
    "readable": {"qdf": True},
}
ENCRYPTED = {
    "rc4": pikepdf.Encryption(owner="o", user="", R=3, aes=False, metadata=False),
    "aes-128": pikepdf.Encryption(owner="o", user="", R=4),
    "aes-256": pikepdf.Encryption(owner="o", user="", R=6),
    "aes-256-no-changes": pikepdf.Encryption(
        owner="o", user="", R=6, allow=pikepdf.Permissions(modify_other=False, extract=False)
    ),
}
VERSIONS = ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0")


def document(*, pages=1, size=(111, 156), content=None, picture=None, font=None, text=b"", change=None, **options):
    """Make a PDF with everything that a card has: drawings, a picture, text."""
    made = pikepdf.new()
    for _ in range(pages):
        page = made.add_blank_page(page_size=(size[0] * MM, size[1] * MM))
        page.Resources = pikepdf.Dictionary()
        if picture is not None:
            page.Resources.XObject = pikepdf.Dictionary(I1=picture(made))
        if font is not None:
            page.Resources.Font = pikepdf.Dictionary(F1=made.make_indirect(font(made)))
        drawing = b"q 0 0 1 rg 9 9 99 99 re f Q\n" * 20
        drawing += b"q 99 0 0 99 9 9 cm /I1 Do Q\n" if picture is not None else b""
        drawing += text or (b"BT /F1 12 Tf 20 20 Td (text) Tj ET\n" if font is not None else b"")
        page.Contents = made.make_stream(drawing if content is None else content)
    if change is not None:
        change(made)
    file = io.BytesIO()
    made.save(file, **options)
    return file.getvalue()


def image(made, mode="RGB", filters=None, data=None, **entries):
    """Make a picture of a PDF, as its bytes or as a JPEG."""
    space = {"L": pikepdf.Name.DeviceGray, "RGB": pikepdf.Name.DeviceRGB, "CMYK": pikepdf.Name.DeviceCMYK}[mode]
    drawn = noise(mode, (90, 90))
    stream = made.make_stream(drawn.tobytes() if data is None else data(drawn))
    stream.update({"/Type": pikepdf.Name.XObject, "/Subtype": pikepdf.Name.Image, "/Width": 90, "/Height": 90})
    stream.update({"/BitsPerComponent": 8, "/ColorSpace": space})
    for name, value in entries.items():
        stream[f"/{name}"] = value
    if filters is not None:
        stream.Filter = filters
    return stream


def jpeg_image(mode, **options):
    return lambda made: image(made, mode, pikepdf.Name.DCTDecode, lambda drawn: saved(drawn, "JPEG", **options))


def boxes(**millimeters):
    def change(made):
        for name, sides in millimeters.items():
            made.pages[0].obj[f"/{name}"] = pikepdf.Array([round(side * MM, 3) for side in sides])

    return change


def rotated(angle, **millimeters):
    def change(made):
        boxes(**millimeters)(made)
        made.pages[0].Rotate = angle

    return change


def annotation(kind, flags, *, font=standard_font):
    def change(made):
        fonts = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=made.make_indirect(font(made))))
        form = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Form, "BBox": [0, 0, 50, 20], "Resources": fonts}
        drawing = pikepdf.Dictionary(N=made.make_stream(b"BT /F1 9 Tf (note) Tj ET", **form))
        entries = {"Type": pikepdf.Name.Annot, "Subtype": kind, "Rect": [9, 9, 59, 29], "F": flags, "AP": drawing}
        if kind == pikepdf.Name.Widget:
            entries |= {"FT": pikepdf.Name.Tx, "T": pikepdf.String("name"), "V": pikepdf.String("note")}
        made.pages[0].Annots = [made.make_indirect(pikepdf.Dictionary(**entries))]
        if kind == pikepdf.Name.Widget:
            made.Root.AcroForm = pikepdf.Dictionary(Fields=[made.pages[0].Annots[0]])

    return change


PAGES = {
    "trim": {"TrimBox": (3, 3, 108, 153)},
    "trim-and-bleed": {"TrimBox": (6, 6, 105, 150), "BleedBox": (3, 3, 108, 153)},
    "crop": {"CropBox": (5, 5, 100, 140)},
    "crop-beyond-media": {"CropBox": (-50, -50, 500, 500)},
    "crop-partly-beyond-media": {"CropBox": (50, 50, 500, 500)},
    "trim-beyond-media": {"TrimBox": (-3, -3, 114, 159)},
    "media-off-origin": {"MediaBox": (-20, 30, 85, 178)},
    "media-reversed": {"MediaBox": (105, 148, 0, 0)},
    "art": {"ArtBox": (10, 10, 90, 90)},
}
FONTS = {"standard": standard_font, "embedded": embedded_font}
TEXTS = {
    "drawn": b"BT /F1 12 Tf 20 20 Td (text) Tj ET\n",
    "invisible": b"BT 3 Tr /F1 12 Tf 20 20 Td (text) Tj ET\n",
    "outlined": b"BT 1 Tr /F1 12 Tf 20 20 Td (text) Tj ET\n",
    "kerned": b"BT /F1 12 Tf 20 20 Td [(te) -50 (xt)] TJ ET\n",
    "selected": b"BT /F1 12 Tf ET\n",
}
PICTURES = {
    **{f"flate-{mode}": (lambda made, mode=mode: image(made, mode)) for mode in ("L", "RGB", "CMYK")},
    **{f"jpeg-{mode}": jpeg_image(mode) for mode in ("L", "RGB", "CMYK")},
    "jpeg-progressive": jpeg_image("RGB", progressive=True),
    "jpeg-in-flate": lambda made: image(
        made, "RGB", pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.DCTDecode]),
        lambda drawn: zlib.compress(saved(drawn, "JPEG")),
    ),
    "hexadecimal": lambda made: image(
        made, "L", pikepdf.Name.ASCIIHexDecode, lambda drawn: drawn.tobytes().hex().encode() + b">"
    ),
    "mask": lambda made: image(made, "RGB", SMask=image(made, "L")),
}  # fmt: skip
PREFIXES = {
    "line": b"\n",
    "printer-language": b"\x1b%-12345X@PJL ENTER LANGUAGE=PDF\r\n",
    "header": b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
    "macbinary": bytes([0, 5]) + b"a.pdf" + bytes(121),
}
SUFFIXES = {"zeros": bytes(90_000), "text": b"\n<!-- trailer -->" * 100, "archive": b"PK\x05\x06" + bytes(18)}


def pdfs():
    """Yield (name, bytes) of valid PDFs that differ in how they were saved, and in their boxes."""
    jpeg = jpeg_image("RGB")
    for version, (label, options) in itertools.product(VERSIONS, SAVED.items()):
        yield f"{version}-{label}", document(picture=jpeg, font=embedded_font, min_version=version, **options)
    for label, encryption in ENCRYPTED.items():
        yield f"encrypted-{label}", document(picture=jpeg, font=embedded_font, encryption=encryption)
    for angle, (label, sides) in itertools.product((0, 90, 180, 270, -90), PAGES.items()):
        yield f"{label}-rotated-{angle}", document(change=rotated(angle, **sides))


def pdfs_by_content():
    """Yield (name, bytes) of valid PDFs that differ in what their pages draw."""
    for (label, font), (usage, text) in itertools.product(FONTS.items(), TEXTS.items()):
        yield f"font-{label}-{usage}", document(font=font, text=text)
    for label, drawn in PICTURES.items():
        yield f"picture-{label}", document(picture=drawn)
    for pages in (2, 9, 40):
        yield f"{pages}-pages", document(pages=pages, picture=jpeg_image("RGB"))
    for kind, flags in itertools.product(("FreeText", "Stamp", "Widget"), (4, 2)):
        yield f"{kind}-{flags}", document(change=annotation(pikepdf.Name(f"/{kind}"), flags))
    yield "empty-page", document(content=b"")


def pdfs_in_files():
    """Yield (name, bytes) of valid PDFs that differ in what is around them, and in how their objects are numbered."""
    jpeg = jpeg_image("RGB")
    for (label, options), (before, prefix) in itertools.product(SAVED.items(), PREFIXES.items()):
        yield f"{label}-after-{before}", prefix + document(picture=jpeg, **options)
    for (label, options), (after, suffix) in itertools.product(SAVED.items(), SUFFIXES.items()):
        yield f"{label}-before-{after}", document(picture=jpeg, **options) + suffix
    for first, stream in itertools.product((1, 200, 5_000, 100_000), (False, True)):
        yield f"sparse-{first}-{'stream' if stream else 'table'}", sparse_pdf(first, stream=stream)


VALID = {
    **{f"{name}.jpg": data for name, data in jpegs()},
    **{f"{name}.png": data for name, data in pngs()},
    **{f"{name}.pdf": data for name, data in itertools.chain(pdfs(), pdfs_by_content(), pdfs_in_files())},
}


# Damage.


def hole(at, filling):
    def damage(data):
        start = int(len(data) * at)
        length = min(max(len(data) // 20, 600), 65_536)
        return data[:start] + (filling * (length // len(filling) + 1))[:length] + data[start + length :]

    return damage


DAMAGES = {
    **{f"first-{tenth}0-percent": (lambda data, tenth=tenth: data[: len(data) * tenth // 10]) for tenth in (1, 5, 9)},
    "last-100-bytes-lost": lambda data: data[:-100],
    "hole-of-zeros": hole(0.4, b"\0"),
    "hole-of-ones": hole(0.4, b"\xff"),
    "hole-of-other-data": hole(0.4, JUNK),
    "part-left-out": lambda data: data[: len(data) // 2] + data[len(data) // 2 + 3_000 :],
    "part-twice": lambda data: data[: len(data) // 2] + data[len(data) // 2 - 3_000 :],
    "lf-to-crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "cr-dropped": lambda data: data.replace(b"\r", b""),
    "as-utf-8": lambda data: data.decode("utf-8", "replace").encode(),
    "seven-bits": lambda data: bytes(byte & 0x7F for byte in data),
}


def sources():
    """Yield (name, bytes) of files to damage: large enough for each damage to hit what is printed."""
    photo = noise("RGB", (640, 480))
    for label in ("baseline", "progressive", "restart"):
        yield f"{label}.jpg", saved(photo, "JPEG", **ENCODINGS[label])
    yield "cmyk.jpg", saved(noise("CMYK", (640, 480)), "JPEG", quality=90)
    yield "rgb.png", saved(photo, "PNG")
    yield "palette.png", saved(noise("P", (640, 480)), "PNG")
    for label, options in SAVED.items():
        if label not in ("uncompressed", "readable"):
            yield f"{label}.pdf", document(picture=lambda made: image(made, "CMYK"), **options)
    large = jpeg_image("RGB", quality=100, subsampling=0)
    yield "jpeg.pdf", document(picture=large)


BROKEN = {
    f"{label}-{name}": damage(data) for (name, data), (label, damage) in itertools.product(sources(), DAMAGES.items())
}
