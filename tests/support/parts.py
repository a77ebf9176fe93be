"""The real parts that tests use: programs, packages, and servers that are installed once into the user's cache.

What is not there is visibly left out; under continuous integration, where all of it has to be there, it is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

NOT_INSTALLED = "is not installed"
"""How the reason ends why a test was left out."""

INSTALLATION = 110
"""Seconds an installation may take unless it says otherwise; a test may take a few more."""


def missing(part: str) -> None:
    """Skips the test, or its whole module, where a part is not installed; fails it where all of them have to be."""
    reason = f"{part} {NOT_INSTALLED}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def program(name: str) -> str:
    """The path of a program of this environment."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=os.pathsep.join([scripts, os.environ.get("PATH", "")]))
    if found is None:
        missing(name)
    return str(found)


def package(name: str) -> ModuleType:
    """A package, or a module in it."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        missing(name)
        raise


def cached(name: str, part: str, command: Callable[[Path], list[str]], *, patience: float = INSTALLATION) -> Path:
    """The folder in the user's cache that a server was installed into; installs it when it is not there.

    Args:
        name: The folder's name, with the version of what lies in it.
        part: What it is, and how it is installed, for people who do not have it.
        command: Makes the command that installs into a folder.
        patience: Seconds that the installation may take.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "remote_artwork" / name
    if folder.exists():
        return folder
    unfinished = folder.with_name(f"{name}.{os.getpid()}")  # several test runs may install at once
    unfinished.mkdir(parents=True)
    try:
        subprocess.run(command(unfinished), check=True, capture_output=True, timeout=patience)
        unfinished.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        if not folder.exists():
            sys.stderr.write(f"{getattr(error, 'stderr', None) or error!r}\n")
            missing(part)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder
