"""Draws ``docs/_static/demo.svg``, the output of the demo: python docs/_ext/demo_picture.py."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from remote_artwork.cli.demo import run_demo

PICTURE = Path(__file__).parents[1] / "_static" / "demo.svg"
WIDTH = 118


def drawn() -> str:
    """Return the picture as SVG, without external fonts, and the same in every run."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as home:
        with contextlib.chdir(home):
            run_demo(Path("shop"), console, program="remote-artwork")
        svg = console.export_svg(title="remote-artwork demo", unique_id="demo", clear=False)
        svg = svg.replace(str(Path(home).resolve()), "/home/you")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")
