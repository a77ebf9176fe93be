"""What ``import remote_artwork`` costs, and that its list of public names is true."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import remote_artwork

CLOUD_AND_EXTRAS = {
    "PIL",
    "adlfs",
    "aiobotocore",
    "aiohttp",
    "azure",
    "boto3",
    "botocore",
    "gcsfs",
    "google",
    "pikepdf",
    "psycopg",
    "rich",
    "s3fs",
    "typer",
}
HEAVY = CLOUD_AND_EXTRAS | {"alembic", "fsspec", "sqlalchemy", "tenacity"}
MOST_MODULES = 40
"""Modules an import may add to those of a bare interpreter; most of them are typing's and importlib's own."""


def modules_loaded_by(code):
    """Names of the modules that ``code`` adds to a fresh interpreter's."""
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        f"{code}\n"
        "sys.stdout.write(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def packages_of(modules):
    return {module.partition(".")[0] for module in modules}


def test_importing_it_loads_nothing_heavy():
    assert packages_of(modules_loaded_by("import remote_artwork")) & HEAVY == set()


def test_importing_it_stays_within_its_budget_of_modules():
    assert len(modules_loaded_by("import remote_artwork")) <= MOST_MODULES


def test_no_public_name_needs_an_extra():
    code = "import remote_artwork\nfor name in remote_artwork.__all__: getattr(remote_artwork, name)"
    loaded = modules_loaded_by(code)
    assert "remote_artwork.scanner" in loaded
    assert packages_of(loaded) & CLOUD_AND_EXTRAS == set()


def test_the_core_loads_the_standard_library_and_attrs_only():
    core = Path(remote_artwork.__file__).with_name("core")
    code = "\n".join(f"import remote_artwork.core.{module.stem}" for module in sorted(core.glob("[!_]*.py")))
    ours = packages_of(modules_loaded_by(code)) - sys.stdlib_module_names
    assert ours == {"remote_artwork", "attr", "attrs"}


LAZY_PACKAGES = ["", ".clients", ".ledgers", ".preflight", ".storage", ".testing"]
EAGER_MODULES = [".client", ".credentials", ".errors", ".events", ".http", ".providers", ".reports", ".retry"]


@pytest.mark.parametrize("module", [*LAZY_PACKAGES, *EAGER_MODULES])
def test_the_public_names_of_a_module_resolve_and_are_documented(module):
    public = import_module(f"remote_artwork{module}")
    assert len(public.__all__) == len(set(public.__all__))
    for name in public.__all__:
        assert getattr(public, name).__doc__, name


def test_the_root_exports_about_45_names():
    assert len(remote_artwork.__all__) <= 48


@pytest.mark.parametrize("name", remote_artwork.__all__)
def test_a_public_name_resolves_and_says_what_it_is(name):
    value = getattr(remote_artwork, name)
    assert value.__doc__


def test_an_unknown_name_is_refused_by_its_name():
    with pytest.raises(AttributeError, match="'no_such_name'"):
        remote_artwork.no_such_name  # noqa: B018 - asking for the attribute is the test


@pytest.mark.parametrize("package", LAZY_PACKAGES)
def test_type_checkers_see_the_names_that_are_loaded(package):
    public = import_module(f"remote_artwork{package}")
    tree = ast.parse(Path(public.__file__).read_text(encoding="utf-8"))
    [guarded] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        alias.name: statement.module.removeprefix("remote_artwork.")
        for statement in guarded.body
        for alias in statement.names
    }
    lazily = next(
        ast.literal_eval(call.args[1])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "lazy_exports"
    )
    assert imported == {name: module for module, names in lazily.items() for name in names}
    assert set(imported) == set(public.__all__)
