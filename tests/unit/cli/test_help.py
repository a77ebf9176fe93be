"""The lists of commands say what each command does, in one line of a narrow terminal."""

import pytest
from typer.testing import CliRunner

from remote_artwork.cli.app import app


@pytest.mark.parametrize("group", [[], ["orders"], ["ledger"], ["fleet"]], ids=str)
def test_no_description_of_a_command_is_cut_off(group):
    ended = CliRunner().invoke(app, [*group, "-h"], env={"COLUMNS": "80"}, terminal_width=80)
    _, _, commands = ended.output.partition("Commands:")
    assert len(commands.splitlines()) > 2
    assert "..." not in commands
