"""Whatever is written after an option, a command ends with one of its exit codes, and never with a traceback."""

import logging
import os
import re
import threading
from datetime import timedelta

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import remote_artwork as ra
from command_line import Shop
from remote_artwork.cli.app import app

NUMBERS = [
    *(
        "0",
        "-1",
        "1",
        "00",
        "1.5",
        "1e400",
        "-1e400",
        "nan",
        "inf",
        "-inf",
        "1e-400",
        "0x10",
        "1_000",
        "٣",
        "",
        " ",
        "x",
    ),
    *("9" * 30, "9" * 400, str(2**31), str(2**63), str(2**64), "0.0000001", "86400", "86401", "+5", "1,5", "½"),
]
DURATIONS = [f"{number}{unit}" for number in NUMBERS for unit in ("", "s", "d", " h", "w")] + ["none", "1d2h", "PT1H"]
TEXTS = [
    *("", " ", "-", "--", "-7", "a b", "\u202e", "é", "e\u0301", "\udcff", "x" * 300, "x" * 5000, "{", "[", "%s"),
    *("{order_number}", "{order_number}_{order_item_number}", "{order_number}" * 50, "[[{order_number}]]", "../.."),
    *("no/such/folder/file.json", "orders.json", "orders.json/x", "artwork", "a:b", "os:getcwd", "os:x", ":", "a:b:c"),
    *("s3://", "s3://bucket", "s3:///x", "gs://b/x?y=z", "az://", "http://", "http://[::1", "https://10.0.0.5/", "."),
    *("file://", "file:///", "file:///no/such/folder", "file:artwork", "file://host/x", "memory://x", "web+https://"),
    *("sqlite://", "sqlite:///", "sqlite:///ledger.db", "sqlite:///no/such/ledger.db", "sqlite:///artwork", "://"),
    *("sqlite:///orders.json", "sqlite:///:memory:", "sqlite:///\udcff.db", "mysql://x/y", "sqlite:///l.db?mode=ro"),
    *("postgresql://", "ftp://x", "minio", "{}", "orders.csv", "1001", "--order", "pending", "front"),
]  # fmt: skip
VALUES = [*NUMBERS, *DURATIONS, *TEXTS]


def commands(group, words=()):
    """The words of every command, and its command object."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))
ENDS_THE_SHELL = {"--install-completion", "--show-completion", "--help", "-h"}


@pytest.fixture
def shop(tmp_path, monkeypatch):
    logger = logging.getLogger("remote_artwork")
    before = logger.handlers[:], logger.level, logger.propagate
    shop = Shop(tmp_path / "shop", "1001_1.jpg", "1002-1.png")
    monkeypatch.chdir(shop.home)
    monkeypatch.setattr(ra.Scanner, "run_forever", run_once)
    yield shop
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


def run_once(scanner, *, every, stop, on_report):
    """``Scanner.run_forever`` with one scan; an interval that cannot be waited for fails here as it would there."""
    assert every > timedelta(0)
    assert every.total_seconds() * 1.1 < threading.TIMEOUT_MAX
    on_report(scanner.scan(stop=stop))


_PYTHON = re.compile(r"\b(NetworkPolicy|Policy|Scanner|AssumeRole|ArtworkStorage|OrdersFile|SqlLedger)[.(]")
"""Names that only a developer knows."""


def run(arguments):
    ended = CliRunner().invoke(app, arguments)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise AssertionError(f"{arguments} raised") from ended.exception
    assert ended.exit_code in (0, 1, 2, 3), arguments
    assert "Traceback" not in ended.output, arguments
    assert not _PYTHON.search(ended.output), arguments
    return ended


@st.composite
def command_lines(draw, url):
    words, command = draw(st.sampled_from(sorted(COMMANDS.items(), key=lambda item: item[0])))
    arguments = [*words]
    if draw(st.booleans()) and any(parameter.name == "url" for parameter in command.params):
        arguments += [url, "--orders-file", "orders.json"]
    for parameter in draw(st.lists(st.sampled_from(command.params), max_size=3)):
        if parameter.param_type_name == "argument":
            arguments.append(draw(st.sampled_from(VALUES)))
            continue
        name = draw(st.sampled_from([*parameter.opts, *parameter.secondary_opts]))
        if name not in ENDS_THE_SHELL:
            arguments += [name] if parameter.is_flag else [name, draw(st.sampled_from(VALUES))]
    return arguments


EXAMPLES = int(os.environ.get("COMMAND_LINES", "250"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_command_line_ends_with_a_traceback(shop, data):
    run(data.draw(command_lines(shop.artwork.as_uri())))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_has_verbose_and_two_names_for_its_help(words):
    for name in ("-h", "--help"):
        shown = run([*words, name])
        assert shown.exit_code == 0
        assert "--verbose" in shown.output
        assert "-h, --help" in shown.output
