"""The pages of docs/how-to/providers/, and what is marked in them to be tested.

A comment on the line above a block says what the block is::

    <!-- urls: ID -->            each URL, then → its canonical form, or ✗ the reason why it is refused
    <!-- credentials: CLASS -->  a file for --credentials
    <!-- policy: BUCKET FOLDER -->
    <!-- trust: USER -->         the trust policy of a role that this user of the shop may take on
    <!-- shop: USER -->          the policy of that user
    <!-- file: NAME -->          a file of the package that adds a provider
"""

import re
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "how-to" / "providers"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
HOW_TO = [name for name in PAGES if name not in ("index", "adding")]

_MARKED = re.compile(r"<!-- ([a-z]+): ([^>]+?) -->\n```\w+\n(.*?)\n```", re.DOTALL)


def blocks(kind: str, pages: Iterable[str] = tuple(HOW_TO)) -> list[tuple[str, str, str]]:
    """Page, argument and content of each block that is marked as of this kind."""
    return [
        (page, argument, content)
        for page in pages
        for marked, argument, content in _MARKED.findall(PAGES[page])
        if marked == kind
    ]


def documented_urls(content: str) -> list[tuple[str, str]]:
    """URL and what the page says about it, for each pair of lines."""
    return [(url, said) for url, said in (pair.split("\n") for pair in content.split("\n\n"))]
