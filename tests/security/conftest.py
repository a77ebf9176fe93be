from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import fsspec
import pytest

from recording_server import RecordingWire

PATIENCE = 110.0


@pytest.fixture
def bait_listener():
    """Nobody may connect to it."""
    with RecordingWire() as listener:
        yield listener


@pytest.fixture
def in_a_process(tmp_path):
    """Runs a script of this folder by itself, with its standard input; returns what it printed."""

    def run(script, given, environment=None, *arguments):
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), *arguments],
            input=given,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done

    return run


@pytest.fixture
def root():
    """A folder of the in-memory file system, of the test's own."""
    folder = f"/{uuid.uuid4().hex}"
    yield folder
    fsspec.filesystem("memory").rm(folder, recursive=True)
