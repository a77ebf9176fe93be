"""Every example runs in a process of its own, in an empty folder, and prints what ``expected/NAME.txt`` holds."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.py"))
EXPECTED = Path(__file__).with_name("expected")


def test_there_are_examples_and_each_has_its_expected_output():
    assert EXAMPLES
    assert {file.stem for file in EXPECTED.glob("*.txt")} == {file.stem for file in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_prints_what_it_should(example, tmp_path):
    command = [sys.executable, "-W", "error", str(example)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    expected = EXPECTED.joinpath(f"{example.stem}.txt").read_text(encoding="utf-8")
    assert done.stdout.splitlines() == expected.splitlines()
