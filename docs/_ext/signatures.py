"""Shows the signature of an attrs class as its source has it: ``settle_for: timedelta = timedelta(minutes=2)``.

Python's own signature of such a class shows ``NOTHING`` for a factory and the repr of every other default.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from datetime import timedelta
from enum import Enum
from types import GenericAlias
from typing import Any, get_origin

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
        for line in getattr(definition, "body", ()):
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
    attributes = {attribute.alias: attribute for attribute in attrs.fields(cls)}
    sources = defaults_of(cls)
    shown = []
    for parameter in signature.parameters.values():
        attribute = attributes.get(parameter.name)
        if attribute is None or (attribute.name.startswith("_") and not hasattr(cls, parameter.name)):
            continue  # a private field is an argument only if a property returns it
        if parameter.annotation in (
            object,
            Any,
            "object",
            "Any",
        ):  # a converter accepts everything; it returns the field's type
            parameter = parameter.replace(annotation=attribute.type)  # noqa: PLW2901
        if attribute.name in sources:
            text = readable(sources[attribute.name], attribute.default)
            parameter = parameter.replace(default=_Source(text))  # noqa: PLW2901 - shown in its place
        shown.append(parameter)
    return stringify_signature(
        signature.replace(parameters=shown, return_annotation=inspect.Signature.empty), unqualified_typehints=True
    )


def readable(source: str, value: object) -> str:
    """Return the text of a default. The name of a constant says nothing to a reader, so its value is shown."""
    if source.isdecimal():
        return f"{int(source):_}"
    if source.startswith("get_args("):
        return literal(value)
    if source.startswith(("lambda", "partial(", "functools.partial(")):
        return "..."
    if re.fullmatch(r"_\w+|[A-Z][A-Z_0-9]+", source):
        return literal(value)
    return source


def literal(value: object) -> str:
    """Return a value as it is typed in code, or ``...`` for one that has no short form."""
    if isinstance(value, timedelta):
        return _timedelta(value)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return repr(value) if value is None or isinstance(value, str | int | float | tuple) else "..."


def _timedelta(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= size and seconds % size == 0:
            return f"timedelta({unit}={seconds / size:.0f})"
    return f"timedelta(seconds={seconds:g})"


def _process(
    _app: Sphinx, what: str, _name: str, value: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    if what in ("class", "exception") and isinstance(value, type) and attrs.has(value):
        return signature_of(value), ""
    if what == "class" and (getattr(value, "_is_protocol", False) or issubclass(value, Enum)):
        return "", ""  # nobody calls it
    if signature is None:
        return None
    names = getattr(inspect.unwrap(getattr(value, "__init__", value) if what == "class" else value), "__globals__", {})

    def show(found: re.Match[str]) -> str:
        if found[2] not in names:
            return found[0]
        text = literal(names[found[2]])
        return f"={found[1]}{found[2] if text == '...' and not found[2].startswith('_') else text}"

    return re.sub(r"=( ?)(_\w+|[A-Z][A-Z_0-9]+)\b(?!\()", show, signature), returns


def _prepare(_app: Sphinx, what: str, _name: str, value: Any, _options: Any, lines: list[str]) -> None:
    if isinstance(value, GenericAlias) or get_origin(value):
        lines.clear()  # the docstring of the generic type says nothing about the alias
    elif what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # otherwise napoleon takes the text before a colon for a type


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the hooks."""
    app.connect("autodoc-process-docstring", _prepare, priority=400)
    app.connect("autodoc-process-signature", _process)
    return {"version": "1", "parallel_read_safe": True}
