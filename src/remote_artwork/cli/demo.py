"""The demo: a small shop with real files, scanned by the same code as every shop."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.options import Options
from remote_artwork.core.report import FileStatus, ItemStatus
from remote_artwork.reporting.terminal import print_report

_PICTURES = {
    "1001_1.jpg": "poster.jpg",
    "1002_1.png": "sticker.png",
    "1003_1.pdf": "card.pdf",
    "1004_1.PDF": "card.pdf",
    "1005_1.png": "sticker.png",
    "1006-1.png": "sticker.png",
    "1007_1.jpg": "poster.jpg",
    "1009_1.jpg": "sticker.png",
    "1010_1.png": "sticker.png",
    "1010_1.pdf": "card.pdf",
    "2001_1.jpg": "poster.jpg",
}
"""File name in the demo → file that it is copied from. 1009_1.jpg is a PNG. Another file, 1008_1.pdf, is incomplete."""

_EXPECTED_ITEMS = {
    ("1001", "1"): ItemStatus.FULFILLED,
    ("1002", "1"): ItemStatus.FULFILLED,
    ("1003", "1"): ItemStatus.FULFILLED,
    ("1004", "1"): ItemStatus.FULFILLED,
    ("1005", "1"): ItemStatus.MATCHED,
    ("1005", "2"): ItemStatus.MISSING,
    ("1006", "1"): ItemStatus.MISSING,
    ("1007", "1"): ItemStatus.FULFILLED,
    ("1007", "2"): ItemStatus.NOT_REQUIRED,
    ("1008", "1"): ItemStatus.REJECTED,
    ("1009", "1"): ItemStatus.REJECTED,
    ("1010", "1"): ItemStatus.CONFLICT,
}
_EXPECTED_FILES = {
    "1006-1.png": FileStatus.NEAR_MISS,
    "1008_1.pdf": FileStatus.REJECTED,
    "1009_1.jpg": FileStatus.REJECTED,
    "1010_1.pdf": FileStatus.AMBIGUOUS,
    "1010_1.png": FileStatus.AMBIGUOUS,
    "2001_1.jpg": FileStatus.EARLY,
}


def run_demo(directory: Path | None, console: Console, *, program: str) -> int:
    """Create the shop, scan it, and suggest what to try next.

    Args:
        directory: The folder to create the shop in. None: a new temporary folder. Nothing in it is overwritten.
        console: Where to print the report.
        program: The name of the command in the suggestions.

    Returns:
        0 if every outcome is as expected, including those of the files with errors. Else 1.

    Raises:
        ConfigurationError: The folder already contains a shop, or cannot be written.
    """
    home = Path(tempfile.mkdtemp(prefix="remote-artwork-demo-")) if directory is None else directory
    orders, artwork = write_shop(home)
    report = Options(url=artwork.resolve().as_uri(), orders=orders).scanner().scan()
    print_report(report, console)
    items = {(item.order_number, item.item_number): item.status for item in report.items}
    files = {file.name: file.status for file in report.files}
    if (items, files) != (_EXPECTED_ITEMS, _EXPECTED_FILES) or report.faults:
        console.print(Text("The demo did not have the expected outcome. Please report this as a bug.", "bold red"))
        return 1
    _suggest_next_steps(console, program, orders, artwork)
    return 0


def write_shop(home: Path) -> tuple[Path, Path]:
    """Write ``orders.json`` and the folder ``artwork`` to ``home``. Return both paths.

    Raises:
        ConfigurationError: One of them already exists, or cannot be written.
    """
    orders, artwork = home / "orders.json", home / "artwork"
    try:
        if orders.exists() or artwork.exists():
            raise ra.ConfigurationError(f"{home} already contains a shop; choose another folder")
        artwork.mkdir(parents=True)
        pictures = resources.files("remote_artwork.cli") / "shop"
        for name, picture in _PICTURES.items():
            _upload(artwork / name, (pictures / picture).read_bytes())
        card = (pictures / "card.pdf").read_bytes()
        _upload(artwork / "1008_1.pdf", card[: len(card) // 2])
        orders.write_text(json.dumps({"orders": _orders()}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ra.ConfigurationError(
            f"the demo cannot be written to {home}: {error.strerror}; choose another folder"
        ) from error
    return orders, artwork


def _upload(path: Path, data: bytes) -> None:
    """Write a file that appears to be one hour old. A scan does not use a newer file, whose upload may still run."""
    path.write_bytes(data)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def _orders() -> list[Mapping[str, Any]]:
    items_by_order: dict[str, list[dict[str, Any]]] = {}
    for order, item in _EXPECTED_ITEMS:
        fields: dict[str, Any] = {"number": item}
        if (order, item) == ("1007", "2"):
            fields |= {"requires_artwork": False, "title": "Gift card"}
        items_by_order.setdefault(order, []).append(fields)
    return [{"number": order, "status": "pending_approval", "items": items} for order, items in items_by_order.items()]


def _suggest_next_steps(console: Console, program: str, orders: Path, artwork: Path) -> None:
    wrong, right = (shlex.quote(str(artwork / name)) for name in ("1006-1.png", "1006_1.png"))
    options = f"{shlex.quote(artwork.resolve().as_uri())} --orders-file {shlex.quote(str(orders))}"
    lines = [
        f"cat {shlex.quote(str(orders))}",
        f"{program} scan {options}",
        f"mv {wrong} {right}",
        f"{program} plan {options}",
        f"{program} explain 2001_1.jpg {options}",
    ]
    console.print(
        Text(
            "\nTry next: see the orders, scan again (no order is fulfilled twice), fix a file name, "
            "and explain a result:"
        )
    )
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)
