from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import fsspec
import pytest

from recording_server import RecordingWire

TIMEOUT = 110.0


@pytest.fixture
def bait_listener():
    """A listener that nothing may connect to."""
    with RecordingWire() as listener:
        yield listener


@pytest.fixture
def in_a_process(tmp_path):
    """Run a script of this folder in its own process. Return the completed process."""

    def run(script, given, environment=None, *arguments):
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script)), *arguments],
            input=given,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done

    return run


@pytest.fixture
def root():
    """A new folder of the in-memory file system."""
    folder = f"/{uuid.uuid4().hex}"
    yield folder
    fsspec.filesystem("memory").rm(folder, recursive=True)
