"""The commands as an operator runs them: their output and their exit codes."""

import os
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from artwork.client import Order
from artwork.models import LedgerRow
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import connection

PDF = b"%PDF-1.7\n" + b" " * 99 + b"\n%%EOF\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


def upload(path: Path) -> None:
    """Writes a file that was uploaded an hour ago. A newer file would still be settling."""
    path.write_bytes(PDF)
    changed = path.stat().st_mtime - 3600
    os.utime(path, (changed, changed))


README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"manage\.py (.+)", README))
def test_the_commands_of_the_readme_are_valid(line: str) -> None:
    name, *arguments = shlex.split(line)
    load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def printed_by(command: str, *arguments: str | int) -> list[str]:
    output = StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue().splitlines()


def test_a_plan_reports_what_a_scan_would_do_and_changes_nothing(uploads: Path) -> None:
    poster, card = printed_by("place_sample_orders")
    for name in (poster, card):
        upload(uploads / f"{name}.pdf")
    planned = printed_by("fulfill_artwork", uploads.as_uri(), "--plan")
    assert [line.partition(":")[0] for line in planned] == [f"{poster} matched", f"{card} matched"]
    assert Order.objects.get().status == settings.AWAITING_ARTWORK
    done = printed_by("fulfill_artwork", uploads.as_uri())
    assert [line.partition(":")[0] for line in done] == [f"{poster} fulfilled", f"{card} fulfilled"]
    assert Order.objects.get().status == settings.IN_PRODUCTION


def test_an_order_waits_for_the_last_of_its_files(uploads: Path) -> None:
    poster, card = printed_by("place_sample_orders")
    upload(uploads / f"{poster}.pdf")
    waiting = printed_by("fulfill_artwork", uploads.as_uri())
    assert [line.partition(":")[0] for line in waiting] == [f"{poster} matched", f"{card} missing"]
    assert Order.objects.get().status == settings.AWAITING_ARTWORK


def test_the_exit_code_is_1_if_a_person_is_needed(uploads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poster, _ = printed_by("place_sample_orders")
    for suffix in ("pdf", "PDF"):
        upload(uploads / f"{poster}.{suffix}")
    with pytest.raises(SystemExit) as ended:
        call_command("fulfill_artwork", uploads.as_uri())
    assert ended.value.code == 1
    assert f"{poster} conflict" in capsys.readouterr().out


def test_a_file_name_cannot_control_the_terminal(uploads: Path) -> None:
    poster, _ = printed_by("place_sample_orders")
    upload(uploads / f"{poster}\u202e.pdf")
    printed = printed_by("fulfill_artwork", uploads.as_uri(), "--sweep")
    assert any(f"{poster}\\u202e.pdf" in line for line in printed)
    assert all(line.isprintable() for line in printed)


def test_wrong_settings_exit_with_2_and_never_show_the_keys(uploads: Path) -> None:
    printed_by("place_sample_orders")
    keys = uploads / "keys.json"
    keys.write_text('{"access_key": "AKTESTKEY", "secret": "a-secret-of-tests"}')
    for arguments in (["ftp://host/"], ["s3://prints/in/", f"--credentials={keys}"]):
        with pytest.raises(CommandError) as ended:
            call_command("fulfill_artwork", *arguments)
        assert ended.value.returncode == 2
        assert "a-secret-of-tests" not in str(ended.value)


def test_a_folder_that_does_not_exist_exits_with_2(uploads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed_by("place_sample_orders")
    with pytest.raises(SystemExit) as ended:
        call_command("fulfill_artwork", uploads.as_uri() + "/none/")
    assert ended.value.code == 2
    assert "does not exist" in capsys.readouterr().err


def test_an_unusable_ledger_exits_with_3(uploads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed_by("place_sample_orders")
    with connection.schema_editor() as editor:
        editor.delete_model(LedgerRow)
    with pytest.raises(SystemExit) as ended:
        call_command("fulfill_artwork", uploads.as_uri())
    assert ended.value.code == 3
    printed = capsys.readouterr()
    assert "100001_1 failed" in printed.out
    assert "run manage.py migrate" in printed.err
