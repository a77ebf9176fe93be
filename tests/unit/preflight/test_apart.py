"""A library's work in a process of its own: what it may take, and what becomes of it when it goes wrong."""

import os
import subprocess

import pytest

from print_files import Reader, pdf, picture, reader
from remote_artwork.errors import StorageUnreachable
from remote_artwork.preflight import sandbox as apart
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, measure_apart

CARD = pdf((105, 148))


def measured_by(monkeypatch, code, data=CARD):
    """Lets another program stand where the worker is."""
    popen = subprocess.Popen
    monkeypatch.setattr(
        apart.subprocess,
        "Popen",
        lambda command, **options: popen([command[0], "-c", f"import os, signal, struct, time\n{code}"], **options),
    )
    return measure_apart("pdf", reader("1.pdf", data))


def test_the_facts_come_back():
    assert measure_apart("pdf", reader("1.pdf", CARD))["pages"] == 1


def test_processor_time_is_limited(monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 1)
    endless = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n<</A 1>>\nendobj\n" % number for number in range(300_000))
    with pytest.raises(ResourceLimitExceeded, match="takes more than"):
        measure_apart("pdf", reader("1.pdf", endless + b"trailer<</Root 1 0 R>>\n%%EOF\n"))


def test_memory_is_limited(monkeypatch):
    monkeypatch.setattr(apart, "MEMORY", 60 * 1024**2)
    large = picture("JPEG", (3_000, 3_000), progressive=True, subsampling=0, quality=10)
    assert measure_apart("jpeg", reader("1.jpg", large), max_pixels=10**8)["flaw"]


def test_a_process_that_is_killed_has_taken_too_much(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match="takes more than 5 seconds"):
        measured_by(monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")


def test_a_process_that_is_stopped_from_outside_is_started_again(monkeypatch):
    popen, started = subprocess.Popen, []

    def stopped_twice(command, **options):
        started.append(command)
        stop = [command[0], "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"]
        return popen(stop if len(started) < 3 else command, **options)

    monkeypatch.setattr(apart.subprocess, "Popen", stopped_twice)
    assert measure_apart("pdf", reader("1.pdf", CARD))["pages"] == 1
    assert len(started) == 3


def test_a_process_that_is_always_stopped_is_neither_the_files_fault_nor_tried_for_ever(monkeypatch):
    with pytest.raises(Exception, match="each time it was started") as stopped:
        measured_by(monkeypatch, "os.kill(os.getpid(), signal.SIGTERM)")
    assert not isinstance(stopped.value, ResourceLimitExceeded)


def test_ctrl_c_in_a_terminal_is_not_for_the_process(monkeypatch):
    code = """
answer = b'{"group": %d}' % os.getpgid(0)
os.write(1, struct.pack('>BQI', 1, 0, len(answer)) + answer)
"""
    assert measured_by(monkeypatch, code)["group"] != os.getpgid(0)


def test_a_process_that_crashes_is_the_files_fault(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match="breaks"):
        measured_by(monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")


def test_a_process_that_cannot_start_is_not_the_files_fault(monkeypatch):
    with pytest.raises(RuntimeError, match="is the extra preflight installed"):
        measured_by(monkeypatch, "raise SystemExit(3)")


@pytest.mark.parametrize("frame", ["0, 0, 2**21", "1, 0, 2**30", "7, 0, 1"])
def test_a_process_that_talks_nonsense_is_not_listened_to(monkeypatch, frame):
    with pytest.raises(ResourceLimitExceeded, match="breaks"):
        measured_by(monkeypatch, f"os.write(1, struct.pack('>BQI', {frame})); time.sleep(60)")


def test_a_process_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(apart, "_SILENCE", 0.3)
    with pytest.raises(ResourceLimitExceeded, match="takes more than"):
        measured_by(monkeypatch, "time.sleep(60)")


def test_a_process_that_does_not_listen_is_given_up(monkeypatch):
    monkeypatch.setattr(apart, "_SILENCE", 0.3)
    with pytest.raises(ResourceLimitExceeded, match="takes more than"):
        measured_by(monkeypatch, "os.write(1, struct.pack('>BQI', 0, 0, 2**20)); time.sleep(60)", bytes(2**20))


def test_what_a_library_did_not_foresee_is_the_files_fault(monkeypatch):
    answer = b'{"gave_up": "RecursionError"}'
    with pytest.raises(ResourceLimitExceeded, match="breaks"):
        measured_by(monkeypatch, f"os.write(1, struct.pack('>BQI', 1, 0, {len(answer)}) + {answer!r})")


def test_a_process_that_stops_listening_is_noticed(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match="breaks"):
        measured_by(monkeypatch, "os.close(0); os.write(1, struct.pack('>BQI', 0, 0, 100)); os.abort()")


def test_the_environment_of_the_host_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody-elses")
    code = "import json; names = json.dumps(list(os.environ)).encode()\n"
    names = measured_by(monkeypatch, code + "os.write(1, struct.pack('>BQI', 1, 0, len(names)) + names)")
    assert "PYTHONPATH" in names
    assert "AWS_SECRET_ACCESS_KEY" not in names


def test_an_outage_of_the_storage_passes_through_and_leaves_no_process(monkeypatch):
    begun, popen = [], subprocess.Popen
    monkeypatch.setattr(apart.subprocess, "Popen", lambda *a, **k: begun.append(popen(*a, **k)) or begun[0])

    class Down(Reader):
        def read(self, start, length):  # noqa: ARG002 - the interface has them
            raise StorageUnreachable("down")

    with pytest.raises(StorageUnreachable):
        measure_apart("pdf", Down(reader("1.pdf", CARD).file, CARD))
    assert begun[0].returncode is not None
