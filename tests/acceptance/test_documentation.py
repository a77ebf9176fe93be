"""Every code block of the README and of the documentation runs, and the tables of statuses are complete.

``python`` blocks of one page share their names. ``sh`` blocks run line by line in a folder that contains only
``key.json``, the key of a service account. ``json``, ``toml`` and ``graphql`` blocks must parse. ``text`` blocks show
output or a layout. A block that cannot run says why, in a comment on the line above::

    <!-- skip: next "needs your own bucket" -->

A block below ``<!-- file: NAME -->`` does not run: it is written to this file, which later blocks use.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from unittest import SkipTest

import graphql
import pytest
from sybil import Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from typer.main import get_command

import remote_artwork
from remote_artwork import FileStatus, ItemStatus
from remote_artwork.cli.app import app
from remote_artwork.core.report import NEEDS_PERSON

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("[!_]*.md"))]


def name_of(page):
    return page.relative_to(ROOT).as_posix()


INSTALLS = re.compile(r"python3 -m venv \.venv && \.venv/bin/pip install --quiet \S+ && \.venv/bin/(?P<command>.+)")
"""A line that creates a virtual environment first. Here only its last command runs, in this environment."""
SHOWS_AN_EXAMPLE = re.compile(r"\{literalinclude\} (?:\.\./)+examples/(\S+)")
"""The tests of the examples run these files."""
NOT_RUN = {"fleet/airflow_dag.py", "fleet/temporal_worker.py"}
"""But not these, because their engines are too large for a test. Ruff and mypy read them with the other examples."""
RUNS_THE_TESTS = "nox --session tests"
A_PERSON_IS_NEEDED = 1


def run_shell(example):
    script = example.parsed.replace("\\\n", " ")
    for line in filter(None, map(str.strip, script.splitlines())):
        installs = INSTALLS.fullmatch(line)
        command = installs["command"] if installs else line
        if command != RUNS_THE_TESTS:  # which runs this very test
            run_line(command)


def run_line(line):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    crashed = "Traceback (most recent call last)" in done.stderr
    fine = (0, A_PERSON_IS_NEEDED) if line.startswith("remote-artwork ") else (0,)
    assert done.returncode in fine, f"{line}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert not crashed, f"{line}\n{done.stderr}"


def save_files(document):
    """Regions that write the blocks to the files that the comments above them name."""
    for found in re.finditer(r"<!-- file: (\S+) -->(?=\n```\w+\n(.*?)^```$)", document.text, re.DOTALL | re.MULTILINE):
        yield Region(found.start(), found.end(), found.groups(), write_file)


def run_python(document):
    """Regions of the other Python blocks."""
    for region in PythonCodeBlockParser()(document):
        if not re.search(r"<!-- file: \S+ -->\n$", document.text[: region.start]):
            yield region


def write_file(example):
    name, content = example.parsed
    Path(name).write_text(content, encoding="utf-8")


def parse_json(example):
    json.loads(example.parsed)


def parse_toml(example):
    tomllib.loads(example.parsed)


def parse_graphql(example):
    graphql.parse(example.parsed)


HANDLED = {"sh": run_shell, "json": parse_json, "toml": parse_toml, "graphql": parse_graphql}
SYBIL = Sybil(
    [save_files, run_python, SkipParser(), *(CodeBlockParser(name, run) for name, run in HANDLED.items())],
)
LANGUAGES = {"python", "text", *HANDLED}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_blocks_of_a_page_run(page, tmp_path, monkeypatch, service_account_key):
    monkeypatch.chdir(tmp_path)
    Path("key.json").write_text(json.dumps(dict(service_account_key)), encoding="utf-8")
    for example in SYBIL.parse(page):
        try:
            example.evaluate()
        except SkipTest as reason:
            assert str(reason)  # noqa: PT017 - sybil raises it, and that is no failure here


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_code_block_has_a_language_that_is_tested(page):
    document = SYBIL.parse(page)
    infos = [block.lexemes["language"].strip() for block in FencedCodeBlockLexer(r"[^\n]*")(document)]
    directives = {info for info in infos if info.startswith("{")}
    unchecked = {info for info in directives if info.startswith(("{code", "{sourcecode", "{literalinclude"))}
    assert {info for info in unchecked if not SHOWS_AN_EXAMPLE.fullmatch(info)} == set()
    assert set(infos) - directives <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_skipped_block_says_why(page):
    skips = re.findall(r"<!--.*skip.*", page.read_text(encoding="utf-8"))
    assert [skip for skip in skips if not re.fullmatch(r'<!-- skip: next "[^"]{10,}" -->', skip)] == []


@pytest.mark.parametrize("name", sorted(NOT_RUN))
def test_an_example_that_is_not_run_says_so_and_uses_only_what_exists(name, monkeypatch):
    shown = [
        section for page in PAGES for section in page.read_text(encoding="utf-8").split("\n## ") if name in section
    ]
    assert shown
    assert [section for section in shown if "**Not run.**" not in section] == []
    monkeypatch.setenv("FLEET_DATABASE", "postgresql://unused")
    tree = ast.parse(ROOT.joinpath("examples", name).read_text(encoding="utf-8"))
    own = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("fleet.")]
    used = [getattr(import_module(node.module), name.name) for node in own for name in node.names]
    assert len(used) >= 2


def test_the_quick_start_has_the_demo_and_then_the_line_that_ci_runs():
    _, _, rest = ROOT.joinpath("README.md").read_text(encoding="utf-8").partition("## Quick start\n")
    blocks = re.findall(r"```sh\n(.*?)\n```", rest.partition("\n## ")[0], re.DOTALL)
    commands = [INSTALLS.fullmatch(block)["command"] for block in blocks[:2]]
    assert commands == ["remote-artwork demo", RUNS_THE_TESTS]


def status_rows(statuses):
    text = DOCS.joinpath("reference", "statuses.md").read_text(encoding="utf-8")
    section = text.partition(f"(`{statuses.__name__}`)\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", section, re.MULTILINE)


@pytest.mark.parametrize("statuses", [ItemStatus, FileStatus])
def test_the_page_of_statuses_has_one_row_per_status(statuses):
    assert [status for status, _ in status_rows(statuses)] == [str(status) for status in statuses]


def test_the_page_of_statuses_says_which_items_need_a_person():
    needs_person = {status for status, who in status_rows(ItemStatus) if "**a person**" in who}
    assert needs_person == {str(status) for status in NEEDS_PERSON}


def test_the_readme_has_at_most_600_words():
    assert len(ROOT.joinpath("README.md").read_text(encoding="utf-8").split()) <= 600


def options_of(command):
    for child in getattr(command, "commands", {}).values():
        yield from options_of(child)
    for parameter in command.params:
        yield from (name for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("--"))


def test_the_page_of_the_command_line_has_every_option_and_no_other():
    documented = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", DOCS.joinpath("reference", "command_line.md").read_text()))
    assert documented - {"--help"} == set(options_of(get_command(app))) - {"--help", "--version"}


def test_the_documentation_names_only_what_the_root_exports():
    for page in PAGES:
        names = set(re.findall(r"\bra\.([A-Za-z_]\w*)", page.read_text(encoding="utf-8")))
        assert names <= set(remote_artwork.__all__), name_of(page)


NOT_WRAPPED = re.compile(r"^(`{3,}).*?^\1$|<!-- \w+: begin -->.*?<!-- \w+: end -->", re.MULTILINE | re.DOTALL)
"""Code, and tables that a session writes."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_a_page_are_wrapped_at_100(page):
    lines = NOT_WRAPPED.sub("", page.read_text(encoding="utf-8")).splitlines()
    prose = [line for line in lines if not line.startswith(("|", "![", "<!--"))]
    assert [line for line in prose if len(line) > 100 and " " in line.strip("- ")] == []
