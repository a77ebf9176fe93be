"""``{reason-codes} SECTION`` shows one section of the catalog of reasons: code and English template.

The build warns about a code that no page shows, so the page cannot miss one.
"""

from __future__ import annotations

import re
import string

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from remote_artwork.core import reasons

PLACED = "reason_codes_placed"


class ReasonCodes(SphinxDirective):
    """Writes one table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table of the section, which is a dictionary of ``core/reasons.py``."""
        section: dict[str, str] | None = getattr(reasons, self.arguments[0], None)
        if section is None:
            raise self.error(f"core/reasons.py has no section {self.arguments[0]}")
        self.env.metadata[PLACED].update(dict.fromkeys(section, self.env.docname))
        lines = ["| Code | English |", "|---|---|"]
        lines += [f"| `{code}` | {_text(template)} |" for code, template in section.items()]
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, holder)
        return holder.children


def _text(template: str) -> str:
    parts = []
    for text, name, _, _ in string.Formatter().parse(template):
        parts.append(re.sub(r"([*_<|`\[\]{}])", r"\\\1", text))
        if name:
            parts.append(f"`{{{name}}}`")
    return "".join(parts).replace("``", "` `")  # two fields side by side


def _check_all_placed(_app: Sphinx, env: BuildEnvironment) -> None:
    missing = sorted(reasons.ENGLISH.templates.keys() - env.metadata.get(PLACED, {}).keys())
    if missing:
        logging.getLogger(__name__).warning("no page shows the reasons %s", ", ".join(missing))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and the check."""
    app.add_directive("reason-codes", ReasonCodes)
    app.connect("env-check-consistency", _check_all_placed)
    return {"version": "1", "parallel_read_safe": False}
