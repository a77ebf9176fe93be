"""Loads the modules behind a package's public names when a name is first used."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package whose names are loaded on first use.

    The package lists the same names in ``__all__`` and imports them under ``TYPE_CHECKING``; a test compares the three.

    Args:
        package: The package's ``__name__``.
        names: Module below ``remote_artwork`` → the public names that it defines.
    """
    module_of = {name: module for module, defined in names.items() for name in defined}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"remote_artwork.{module_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(module_of)
