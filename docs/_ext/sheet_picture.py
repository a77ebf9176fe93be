"""Takes ``docs/_static/contact_sheet.png``, the contact sheet of the demo's shop: python docs/_ext/sheet_picture.py.

Needs Chromium and its driver. The picture contains a digest of the page's text, so that a test can tell when it is old.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import remote_artwork as ra
from remote_artwork.cli.demo import write_shop

PICTURE = Path(__file__).parents[1] / "_static" / "contact_sheet.png"
DIGEST = "Words"
WIDTH, SCALE, COLORS = 1_000, 1.5, 128
_SIZES = {"1001": [300, 300], "1003": [148, 105], "1004": [105, 105]}
"""Order → the print size of its item in millimeters, which causes some of the warnings."""


def page() -> str:
    """Return the page. It is the same in every run, except for the bytes of its pictures."""
    with tempfile.TemporaryDirectory() as home:
        orders, artwork = write_shop(Path(home))
        document = json.loads(orders.read_text(encoding="utf-8"))
        for order in document["orders"]:
            if order["number"] in _SIZES:
                order["items"][0]["print_size_mm"] = _SIZES[order["number"]]
        orders.write_text(json.dumps(document), encoding="utf-8")
        scanner = ra.Scanner(
            ra.open_storage(artwork.resolve().as_uri(), network=ra.NetworkPolicy(allow_local=True)),
            ra.OrdersFile(orders),
            ledger=ra.MemoryLedger(),
            policy=ra.Policy(preflight="deep"),
            tenant="demo",
            clock=lambda: datetime(2026, 5, 4, 12, tzinfo=UTC),
        )
        report = evolve(scanner.scan(), location="file:///home/you/shop/artwork/")
        report.to_html(Path(home) / "sheet.html", storage=scanner.storage)
        return (Path(home) / "sheet.html").read_text(encoding="utf-8")


def digest(text: str) -> str:
    """Return the digest of the page without its pictures."""
    return hashlib.sha256(re.sub('data:image/jpeg;base64,[^"]*', "", text).encode()).hexdigest()


def taken(text: str, *, width: int) -> Image.Image:
    """Return the whole page as Chromium renders it, in light colors."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            browser.get(Path(file.name).as_uri())
            height = 10_000  # the page draws only the items near the window, so the window contains the whole page
            for _ in range(2):
                size = {"width": width, "height": height, "deviceScaleFactor": SCALE, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                height = browser.execute_script("return Math.ceil(document.body.getBoundingClientRect().height)")
            shot = browser.execute_cdp_cmd("Page.captureScreenshot", {})
    finally:
        browser.quit()
    return Image.open(io.BytesIO(base64.b64decode(shot["data"])))


def keep(text: str, picture: Path, *, width: int = WIDTH) -> None:
    """Take the picture of the page and write it with the digest."""
    notes = PngInfo()
    notes.add_text(DIGEST, digest(text))
    picture.parent.mkdir(exist_ok=True)
    taken(text, width=width).convert("RGB").quantize(COLORS).save(picture, optimize=True, pnginfo=notes)


if __name__ == "__main__":
    keep(page(), PICTURE)
