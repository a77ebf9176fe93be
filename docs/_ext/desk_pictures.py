"""Takes the pictures of the example ``print_desk`` in ``docs/_static``: python docs/_ext/desk_pictures.py.

Needs Chromium and its driver, and moto. Each picture contains a digest, so that a test can tell when it is old.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import httpx
import uvicorn
from moto.server import ThreadedMotoServer

import remote_artwork as ra

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(Path(__file__).parent)]

from sheet_picture import digest, keep  # noqa: E402

from print_desk.desk import Settings  # noqa: E402 - examples are no package
from print_desk.pages import create_app  # noqa: E402

_UPLOADS = {
    "1001_1.jpg": "poster.jpg",
    "1001_2.png": "sticker.png",
    "1002-1.jpg": "poster.jpg",
    "1003_1.pdf": "card.pdf",
    "1004_1.png": "card.pdf",
}
_TIMEOUT = 60.0


def picture(name: str) -> Path:
    """Return the path of the picture of a page."""
    return ROOT / "docs" / "_static" / f"print_desk_{name}.png"


def digests() -> dict[str, str]:
    """Return name of a page → the digest that its picture must contain."""
    return {name: digest(text) for name, text in pages().items()}


def pages() -> dict[str, str]:
    """Return name → the page as text with its style inside. It is the same in every run."""
    with tempfile.TemporaryDirectory() as home, _storage() as s3, _desk(Path(home)) as desk:
        keys = {"access_key": "AKIAEXAMPLE", "secret_key": "no-secret"}
        url = f"s3+{s3}/prints/incoming/?provider=minio"
        desk.post("/storage", data={"url": url, **keys}).raise_for_status()
        desk.post("/scan").raise_for_status()
        _wait(lambda: not desk.get("/scan").json()["running"])
        style = desk.get("/static/desk.css").text
        return {name: _normalized(_text(desk, name), s3, style) for name in ("storage", "orders")}


def _text(desk: httpx.Client, name: str) -> str:
    return desk.get(f"/{name}").raise_for_status().text


def _normalized(text: str, s3: str, style: str) -> str:
    """Return the page without what differs between runs and machines."""
    text = text.replace(s3, "http://minio.example:9000")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-05-04 12:00 UTC", text)
    text = re.sub(r"differ by \d+ s", "differ by 0 s", text)
    text = re.sub(r"<script.*?</script>\n?", "", text)
    return re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: f"<style>{style}</style>", text)


@contextmanager
def _storage() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        origin = "http://{}:{}".format(*server.get_host_and_port())
        httpx.put(f"{origin}/prints").raise_for_status()
        shop = resources.files("remote_artwork.cli") / "shop"
        for name, file in _UPLOADS.items():
            httpx.put(f"{origin}/prints/incoming/{name}", content=(shop / file).read_bytes()).raise_for_status()
        yield origin
    finally:
        server.stop()


@contextmanager
def _desk(home: Path) -> Iterator[httpx.Client]:
    network = ra.NetworkPolicy(allow_private=True, allow_http=True)
    app = create_app(Settings(home=home, hosts=("127.0.0.1",), network=network))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _wait(lambda: server.started)
        origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        headers = {"Origin": origin}
        with httpx.Client(base_url=origin, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


if __name__ == "__main__":
    for name, text in pages().items():
        keep(text, picture(name))
