"""The pictures of the documentation are up to date."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"


def words(svg: str) -> list[str]:
    return re.findall(
        r"[\w.]{3,}", re.sub(r"<style.*?</style>|<[^>]+>", " ", svg, flags=re.DOTALL).replace("&#160;", " ")
    )


def test_the_picture_of_the_readme_is_up_to_date():
    code = f"import sys; sys.path.insert(0, {str(DOCS / '_ext')!r}); import demo_picture; print(demo_picture.drawn())"
    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    kept = (DOCS / "_static" / "demo.svg").read_text(encoding="utf-8")
    assert "near_miss" in words(kept)
    assert words(kept) == words(drawn), "draw it again: python docs/_ext/demo_picture.py"


@pytest.mark.parametrize(("module", "picture"), [("sheet_picture", "contact_sheet"), ("alert_picture", "alert_mail")])
def test_the_picture_of_a_page_is_up_to_date(module, picture):
    code = (
        f"import sys; sys.path.insert(0, {str(DOCS / '_ext')!r}); import sheet_picture, {module} as picture; "
        "print(sheet_picture.digest(picture.page()))"
    )
    digest = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    with Image.open(DOCS / "_static" / f"{picture}.png") as kept:
        assert kept.text["Words"] == digest.strip(), f"take it again: python docs/_ext/{module}.py"


def test_the_pictures_of_the_print_desk_are_up_to_date():
    code = (
        f"import sys; sys.path.insert(0, {str(DOCS / '_ext')!r}); import json, desk_pictures as d; "
        "print(json.dumps(d.digests()))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    ).stdout
    for name, digest in json.loads(output.splitlines()[-1]).items():
        with Image.open(DOCS / "_static" / f"print_desk_{name}.png") as kept:
            assert kept.text["Words"] == digest, "take it again: python docs/_ext/desk_pictures.py"
