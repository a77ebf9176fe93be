"""``{public-names} MODULE [NAME …]`` documents public names: all names of the module, or only those given.

A final ``...`` stands for the names of the module that no page has yet.

A name that the root also exports appears under the root. The build warns about a public name without a place, so the
reference cannot miss one.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from enum import Enum
from importlib import import_module

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

import remote_artwork

PLACED = "public_names_placed"
_PRIVATE = ("_lazy", "activity", "cli", "connections", "core", "http_messages", "locks", "runtime")


class PublicNames(SphinxDirective):
    """Writes one autodoc directive for each name."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the documentation of the names, in the given order or in the order of the module's ``__all__``."""
        home, *chosen = self.arguments[0].split()
        module = import_module(home)
        placed = self.env.metadata[PLACED]
        names = chosen or list(module.__all__)
        if names[-1] == "...":
            names[-1:] = [name for name in module.__all__ if name not in names and name not in placed]
        if unknown := [name for name in names if not hasattr(module, name)]:
            raise self.error(f"{home} has no {', '.join(unknown)}")
        placed.update(dict.fromkeys(names, self.env.docname))
        lines = ["```{eval-rst}"]
        for name in names:
            path = f"remote_artwork.{name}" if name in remote_artwork.__all__ else f"{home}.{name}"
            lines += [*_directive(getattr(module, name), path), ""]
        holder = nodes.Element()
        self.state.nested_parse(StringList([*lines, "```"], self.env.docname), self.content_offset, holder)
        return holder.children


def public_names() -> set[str]:
    """Return every name that the root or a public submodule exports."""
    found = (module.name for module in pkgutil.iter_modules(remote_artwork.__path__))
    modules = [import_module(f"remote_artwork.{name}") for name in found if name not in _PRIVATE]
    return {name for module in (remote_artwork, *modules) for name in getattr(module, "__all__", ())}


def _directive(value: object, path: str) -> list[str]:
    if inspect.isfunction(value):
        return [f".. autofunction:: {path}"]
    if not isinstance(value, type):
        return _data(path)
    if issubclass(value, BaseException):
        return [f".. autoexception:: {path}", "   :show-inheritance:"]
    return [f".. autoclass:: {path}", *["   :undoc-members:"] * issubclass(value, Enum)]


def _data(path: str) -> list[str]:
    """Show the text below the definition of a constant. Autodoc would show the text of its class."""
    name = path.rpartition(".")[2]
    for module in sorted(module for module in sys.modules if module.startswith("remote_artwork.")):
        if text := ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name)):
            return [f".. py:data:: {path}", "", *(f"   {line}" for line in text)]
    return [f".. autodata:: {path}", "   :no-value:"]


def _check_all_placed(_app: Sphinx, env: BuildEnvironment) -> None:
    missing = sorted(public_names() - env.metadata.get(PLACED, {}).keys())
    if missing:
        logging.getLogger(__name__).warning("the reference has no place for %s", ", ".join(missing))


def _skip_tests(_app: Sphinx, _what: str, name: str, _value: object, _skip: bool, _options: object) -> bool | None:  # noqa: FBT001 - Sphinx calls it so
    """Leave out the tests of a contract, whose fixtures a reader overrides, and what is not for the public."""
    return True if name.startswith("test_") or name == "internals" else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive and the check."""
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-skip-member", _skip_tests)
    app.connect("env-check-consistency", _check_all_placed)
    return {"version": "1", "parallel_read_safe": False}
