"""``{provider} ID …`` lists the facts of these rows of the provider table: their quirks and how they were verified.

The build warns about a row without a place, so the pages cannot miss a provider.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from remote_artwork.storage.provider_table import FILE, MEMORY, PROVIDERS
from remote_artwork.storage.providers import Provider

PLACED = "providers_placed"
ROWS = {row.id: row for row in PROVIDERS.built_in if row not in (FILE, MEMORY)}

VERIFIED = {
    "live": "Verified with the live service ({by}).",
    "same server software": "Verified with the same server software ({by}), not with the live service.",
    "stand-in": "Verified with servers of the same protocol ({by}), not with the live service.",
    "not": "Only its URLs are verified. The library assumes that it behaves like any other S3 server.",
}


class ProviderFacts(SphinxDirective):
    """Lists the facts of one row, or of several rows with their titles."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the lists, in the order of the arguments."""
        ids = self.arguments[0].split()
        if unknown := [each for each in ids if each not in ROWS]:
            raise self.error(f"no row of the provider table: {', '.join(unknown)}")
        self.env.metadata[PLACED].update(dict.fromkeys(ids, self.env.docname))
        if len(ids) == 1:
            return [_facts(ROWS[ids[0]])]
        listing = nodes.bullet_list()
        for row in map(ROWS.__getitem__, ids):
            title = nodes.paragraph("", "", nodes.strong(text=row.title), nodes.Text(f" ({row.id})"))
            listing += nodes.list_item("", title, _facts(row))
        return [listing]


def _facts(row: Provider) -> nodes.bullet_list:
    sentences = [*row.quirks, VERIFIED[row.verified].format(by=row.verified_by)]
    return nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph(text=sentence)) for sentence in sentences))


def _check_all_placed(_app: Sphinx, env: BuildEnvironment) -> None:
    missing = sorted(ROWS.keys() - env.metadata.get(PLACED, {}).keys())
    if missing:
        logging.getLogger(__name__).warning("no page describes the providers %s", ", ".join(missing))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and the check."""
    app.add_directive("provider", ProviderFacts)
    app.connect("env-check-consistency", _check_all_placed)
    return {"version": "1", "parallel_read_safe": False}
