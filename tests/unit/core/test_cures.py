"""A developer reads what to change in code, and an operator reads which option to change."""

import ast
import re
from pathlib import Path

import pytest

import remote_artwork
from remote_artwork.core.cures import CURES, READ_TIMEOUTS, for_operator

SOURCE = Path(remote_artwork.__file__).parent
PYTHON = re.compile(r"\b[A-Za-z]+\(|\b[A-Z][A-Za-z]+\.[a-z_]+|=…|=True")
OPTION = re.compile(r"(?<!\S)--(?!x-s3)[a-z]")  # the names of some buckets end in --x-s3
FOR_OPERATORS = ("cli", "testing")
"""Parts of the package that are programs of their own."""
COMMANDS = (
    "check the order in the shop, then record what happened: {command}",
    "compare the files with the order, then accept them: {command}",
)
"""The reasons whose cure is a command for every reader. ``core/lifecycle.py`` writes the command."""


def texts(path):
    """The texts of a module, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


MODULES = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.relative_to(SOURCE).parts[0] not in FOR_OPERATORS and path.name != "cures.py"
]


@pytest.mark.parametrize("cure", CURES, ids=str)
def test_each_cure_is_for_one_reader(cure):
    assert PYTHON.search(cure.developer)
    assert not OPTION.search(cure.developer)
    assert not PYTHON.search(cure.operator)
    assert cure.operator == for_operator(cure.operator)


def test_no_message_of_the_library_names_an_option_or_a_setting_of_the_table():
    assert len(MODULES) > 100
    for path in MODULES:
        for text in texts(path):
            if path.parent.name != "reporting" and path.name != "lifecycle.py" and not text.startswith(COMMANDS):
                assert not OPTION.search(text), (path, text)
            assert not any(cure.developer in text for cure in CURES), (path, text)


def test_a_message_is_rewritten_for_an_operator():
    assert str(READ_TIMEOUTS) == "NetworkPolicy(read_timeout=…, call_timeout=…)"
    message = f"too slow; raise {READ_TIMEOUTS}; twice: {READ_TIMEOUTS}"
    assert for_operator(message) == (
        "too slow; raise --read-timeout and --call-timeout; twice: --read-timeout and --call-timeout"
    )
    assert for_operator("nothing to change") == "nothing to change"
