"""Shows the signature of an attrs class as its source has it: ``settle_for: timedelta = timedelta(minutes=2)``.

Python's own signature of such a class shows ``NOTHING`` for a factory and the repr of every other default.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import attrs
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import ExtensionMetadata

_LITERALS = {"dict()": "{}", "list()": "[]", "tuple()": "()"}


class _Source:
    """A default value that is shown as text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def defaults_of(cls: type) -> dict[str, str]:
    """Return attribute → the source text of its default, for an attrs class and its attrs bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not attrs.has(base):
            continue
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for line in definition.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
                text = _default(line.value)
                if text is not None:
                    found[line.target.id] = text
    return found


def _default(value: ast.expr) -> str | None:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "field"):
        return ast.unparse(value)
    for option in value.keywords:
        if option.arg == "default":
            return ast.unparse(option.value)
        if option.arg == "factory":
            text = f"{ast.unparse(option.value)}()"
            return _LITERALS.get(text, text)
    return None


def signature_of(cls: type) -> str:
    """Return the signature of an attrs class, without the return annotation."""
    signature = inspect.signature(cls)
    names = {attribute.alias: attribute.name for attribute in attrs.fields(cls)}
    sources = defaults_of(cls)
    shown = []
    for parameter in signature.parameters.values():
        if parameter.default is inspect.Parameter.empty or parameter.name.startswith("_"):
            shown.append(parameter)
            continue
        source = sources.get(names.get(parameter.name, parameter.name), repr(parameter.default))
        shown.append(parameter.replace(default=_Source(readable(source, parameter.default))))
    kept = [parameter for parameter in shown if not names.get(parameter.name, "").startswith("_")]
    return stringify_signature(
        signature.replace(parameters=kept, return_annotation=inspect.Signature.empty), unqualified_typehints=True
    )


def readable(source: str, value: object) -> str:
    """Return the text of a default; a private name or a lambda says nothing to a reader, so its value is shown."""
    if source.startswith("lambda"):
        return "…"
    if source.lstrip("(").startswith("_") or source.isupper():
        return repr(value) if isinstance(value, str | int | float | tuple) else "…"
    if source.startswith(("partial(", "functools.partial(")):
        return "…"
    return source


def _process(_app: Sphinx, what: str, _name: str, value: Any, _options: Any, *_given: Any) -> tuple[str, str] | None:
    if what in ("class", "exception") and isinstance(value, type) and attrs.has(value):
        return signature_of(value), ""
    return None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the hook."""
    app.connect("autodoc-process-signature", _process)
    return {"version": "1", "parallel_read_safe": True}
