"""The command line in processes whose terminal lacks characters, whose disk is full, or whose reader is gone."""

import json
import os
import subprocess

import pytest

from command_line import PROGRAM, Shop, run

NUMBER = "Größe→★"
"""The number of an order, with characters that Latin-1 has and that it lacks."""
CONFLICT = "1002"

COMMANDS = {
    "plan": (["plan"], 1),
    "plan --json": (["plan", "--json"], 1),
    "scan": (["scan"], 1),
    "scan --json": (["scan", "--json"], 1),
    "scan --report": (["scan", "--report", "sheet.html"], 1),
    "check": (["check"], 0),
    "check --json": (["check", "--json"], 0),
    "explain": (["explain", "--order", NUMBER], 0),
    "explain --json": (["explain", "--order", NUMBER, "--json"], 0),
    "orders show": (["orders", "show"], 0),
    "orders show --json": (["orders", "show", "--json"], 0),
    "ledger list": (["ledger", "list"], 0),
    "ledger list --json": (["ledger", "list", "--json"], 0),
    "ledger show": (["ledger", "show", NUMBER], 0),
    "ledger show --json": (["ledger", "show", NUMBER, "--json"], 0),
}
"""Command → its words, and its exit code: a person is needed for the conflict."""

NO_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop after a scan: one order is fulfilled, and one has a conflict."""
    names = (f"{NUMBER}_1.jpg", f"{CONFLICT}_1.jpg", f"{CONFLICT}_1.pdf", f"{NUMBER}-1.jpg")
    orders = {NUMBER: [{"number": "1"}], CONFLICT: [{"number": "1"}]}
    shop = Shop(tmp_path_factory.mktemp("streams") / "shop", *names, orders=orders)
    assert shop.run("scan", cwd=shop.home).returncode == 1
    return shop


def words_of(shop, command):
    words, code = COMMANDS[command]
    if words[0] == "orders":
        return [*words, str(shop.orders)], code
    if words[0] == "ledger":
        return [*words, "--orders-file", str(shop.orders)], code
    return [*words, *map(str, shop.place)], code


def ended(shop, command, *, stdout=subprocess.PIPE, shell=(), **environment):
    """The process of a command, its exit code as it should be, and its error output."""
    words, code = words_of(shop, command)
    process = subprocess.run(
        [*shell, *PROGRAM, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=shop.home,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", **environment},
        timeout=60,
        check=False,
    )
    errors = process.stderr.decode("utf-8", "replace")
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert (command, process.returncode, errors if process.returncode != code else "") == (command, code, "")
    return process.stdout, errors


@pytest.mark.parametrize("command", COMMANDS)
def test_ascii_has_every_word_of_the_command(shop, command):
    output, _ = ended(shop, command, PYTHONIOENCODING="ascii")
    text = output.decode("ascii")
    if "--json" in command:
        assert json.loads(text) is not None
    if command.startswith(("plan", "ledger show", "explain")):
        assert "Gr\\u00f6\\u00dfe" in text


@pytest.mark.parametrize("command", ["plan", "plan --json"])
def test_latin_1_replaces_only_what_it_lacks(shop, command):
    output, _ = ended(shop, command, PYTHONIOENCODING="latin-1")
    text = output.decode("latin-1")
    assert "Größe" in text
    if command == "plan":
        assert "Größe->\\u2605" in text
    else:
        assert f"{NUMBER}-1.jpg" in {file["name"] for file in json.loads(text)["files"]}


@pytest.mark.parametrize("command", ["scan --json", "orders show", "ledger list"])
def test_a_process_without_a_locale(shop, command):
    output, _ = ended(shop, command, **NO_LOCALE)
    assert output.decode("ascii")


@pytest.mark.parametrize(
    "command", ["plan", "scan --json", "scan --report", "check", "explain", "orders show --json", "ledger list"]
)
def test_a_full_disk_keeps_the_exit_code(shop, command):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        _, errors = ended(shop, command, stdout=full)
    assert "Error: the output could not be written completely: No space left on device" in errors


@pytest.mark.parametrize("command", ["plan", "scan --json", "ledger list --json"])
def test_a_reader_that_is_gone_keeps_the_exit_code_and_is_no_error(shop, command):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        _, errors = ended(shop, command, stdout=pipe)
    assert errors == ""


@pytest.mark.parametrize("command", ["plan", "plan --json"])
def test_a_process_without_a_standard_output(shop, command):
    _, errors = ended(shop, command, shell=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert errors == ""


def test_a_contact_sheet_that_cannot_be_written_keeps_the_exit_code(shop):
    page = "/proc/sheet.html"  # Linux creates no file there
    done = run("plan", *shop.place, "--report", page, cwd=shop.home)
    assert done.returncode == 1
    assert f"Error: the report cannot be written to {page}" in done.stderr
    assert "conflict" in done.stdout
