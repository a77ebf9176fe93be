"""``.. public-names:: MODULE …`` documents the public names that live in these modules.

A build in which a public name has no place fails, so the reference cannot fall behind ``remote_artwork.__all__``.
"""

from __future__ import annotations

import inspect

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

import remote_artwork

PLACED = "public_names_placed"


class PublicNames(SphinxDirective):
    """Writes one autodoc directive for each public name of the named modules."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The documentation of the names, in the order of the modules, then of the names."""
        modules = self.arguments[0].split()
        names = [name for module in modules for name, home in remote_artwork._HOME.items() if home == module]  # noqa: SLF001 - the one table of homes
        self.env.metadata[PLACED].update(dict.fromkeys(names, self.env.docname))
        lines = StringList()
        for name in names:
            kind = _kind(getattr(remote_artwork, name))
            lines.append(f".. {kind}:: remote_artwork.{name}", self.env.docname)
            lines.append("", self.env.docname)
        holder = nodes.Element()
        self.state.nested_parse(lines, self.content_offset, holder)
        return holder.children


def _kind(value: object) -> str:
    if isinstance(value, type):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if inspect.isfunction(value) else "autodata"


def _all_placed(_app: Sphinx, env: BuildEnvironment) -> None:
    lacking = sorted(set(remote_artwork.__all__) - env.metadata.get(PLACED, {}).keys())
    if lacking:
        logging.getLogger(__name__).warning("the reference has no place for %s", ", ".join(lacking))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Registers the directive and the check."""
    app.add_directive("public-names", PublicNames)
    app.connect("env-check-consistency", _all_placed)
    return {"version": "1", "parallel_read_safe": False}
