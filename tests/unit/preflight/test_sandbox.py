"""The sandbox: its limits, and what happens when its process fails."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from print_files import Reader, pdf, picture, reader
from remote_artwork.errors import StorageUnreachable
from remote_artwork.preflight import sandbox
from remote_artwork.preflight.landlock import landlock_version
from remote_artwork.preflight.sandbox import ResourceLimitExceeded, run_in_sandbox
from remote_artwork.storage.reader import FilePart, PinnedFile, RangeReader

CARD = pdf((105, 148))


def run_code(monkeypatch, code, data=CARD):
    """Run other code instead of the worker."""
    popen = subprocess.Popen
    monkeypatch.setattr(
        sandbox.subprocess,
        "Popen",
        lambda command, **options: popen([command[0], "-c", f"import os, signal, struct, time\n{code}"], **options),
    )
    return run_in_sandbox("pdf", reader("1.pdf", data))


def test_the_result_is_returned():
    assert run_in_sandbox("pdf", reader("1.pdf", CARD))["pages"] == 1


def test_cpu_time_is_limited(monkeypatch):
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 1)
    endless = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n<</A 1>>\nendobj\n" % number for number in range(300_000))
    with pytest.raises(ResourceLimitExceeded, match=r"^time_limit$"):
        run_in_sandbox("pdf", reader("1.pdf", endless + b"trailer<</Root 1 0 R>>\n%%EOF\n"))


def test_memory_is_limited(monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY_LIMIT", 60 * 1024**2)
    large = picture("JPEG", (3_000, 3_000), progressive=True, subsampling=0, quality=10)
    assert run_in_sandbox("jpeg", reader("1.jpg", large), max_pixels=10**8)["decoded"] is False


def test_a_killed_process_exceeded_its_limit(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match=r"^time_limit$"):
        run_code(monkeypatch, "os.kill(os.getpid(), signal.SIGKILL)")


def test_a_process_terminated_from_outside_is_started_again(monkeypatch):
    popen, started = subprocess.Popen, []

    def terminate_twice(command, **options):
        started.append(command)
        stop = [command[0], "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"]
        return popen(stop if len(started) < 3 else command, **options)

    monkeypatch.setattr(sandbox.subprocess, "Popen", terminate_twice)
    assert run_in_sandbox("pdf", reader("1.pdf", CARD))["pages"] == 1
    assert len(started) == 3


def test_a_process_that_is_always_terminated_does_not_blame_the_file(monkeypatch):
    with pytest.raises(Exception, match="was terminated 3 times") as raised:
        run_code(monkeypatch, "os.kill(os.getpid(), signal.SIGTERM)")
    assert not isinstance(raised.value, ResourceLimitExceeded)


def test_ctrl_c_in_a_terminal_does_not_reach_the_process(monkeypatch):
    code = """
result = b'{"group": %d}' % os.getpgid(0)
os.write(1, struct.pack('>BQI', 1, 0, len(result)) + result)
"""
    assert run_code(monkeypatch, code)["group"] != os.getpgid(0)


def test_a_crash_is_blamed_on_the_file(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match=r"^crash$"):
        run_code(monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")


def test_a_process_that_cannot_start_does_not_blame_the_file(monkeypatch):
    with pytest.raises(RuntimeError, match="check that the extra 'preflight' is installed"):
        run_code(monkeypatch, "raise SystemExit(3)")


@pytest.mark.parametrize("frame", ["0, 0, 2**21", "1, 0, 2**30", "7, 0, 1"])
def test_an_invalid_frame_ends_the_process(monkeypatch, frame):
    with pytest.raises(ResourceLimitExceeded, match=r"^crash$"):
        run_code(monkeypatch, f"os.write(1, struct.pack('>BQI', {frame})); time.sleep(60)")


def test_a_silent_process_times_out(monkeypatch):
    monkeypatch.setattr(sandbox, "_SILENCE_TIMEOUT", 0.3)
    with pytest.raises(ResourceLimitExceeded, match=r"^time_limit$"):
        run_code(monkeypatch, "time.sleep(60)")


def test_a_process_that_does_not_read_times_out(monkeypatch):
    monkeypatch.setattr(sandbox, "_SILENCE_TIMEOUT", 0.3)
    with pytest.raises(ResourceLimitExceeded, match=r"^time_limit$"):
        run_code(monkeypatch, "os.write(1, struct.pack('>BQI', 0, 0, 2**20)); time.sleep(60)", bytes(2**20))


def test_an_unexpected_error_of_a_library_is_blamed_on_the_file(monkeypatch):
    result = b'{"failed": "RecursionError"}'
    with pytest.raises(ResourceLimitExceeded, match=r"^crash$"):
        run_code(monkeypatch, f"os.write(1, struct.pack('>BQI', 1, 0, {len(result)}) + {result!r})")


def test_a_memory_error_of_a_library_exceeds_the_memory_limit(monkeypatch):
    result = b'{"failed": "MemoryError"}'
    with pytest.raises(ResourceLimitExceeded, match=r"^memory_limit$"):
        run_code(monkeypatch, f"os.write(1, struct.pack('>BQI', 1, 0, {len(result)}) + {result!r})")


def test_a_process_that_closes_its_input_is_detected(monkeypatch):
    with pytest.raises(ResourceLimitExceeded, match=r"^crash$"):
        run_code(monkeypatch, "os.close(0); os.write(1, struct.pack('>BQI', 0, 0, 100)); os.abort()")


def test_the_process_does_not_inherit_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    code = "import json; names = json.dumps(list(os.environ)).encode()\n"
    names = run_code(monkeypatch, code + "os.write(1, struct.pack('>BQI', 1, 0, len(names)) + names)")
    assert "PYTHONPATH" in names
    assert "AWS_SECRET_ACCESS_KEY" not in names


needs_landlock = pytest.mark.skipif(landlock_version() == 0, reason="the kernel has no Landlock")


def result_of(monkeypatch, expression):
    """Evaluate an expression in the process, and return its value or the name of the error."""
    code = f"""
import json, socket
from pathlib import Path
try:
    result = {expression}
except OSError as error:
    result = type(error).__name__
data = json.dumps(result).encode()
os.write(1, struct.pack('>BQI', 1, 0, len(data)) + data)
"""
    return run_code(monkeypatch, code)


@needs_landlock
@pytest.mark.parametrize("file", ["environ", "mem", "maps", "fd/0"])
def test_the_process_cannot_look_into_the_process_that_started_it(monkeypatch, file):
    assert Path(f"/proc/{os.getpid()}/environ").read_bytes()
    assert result_of(monkeypatch, f"len(Path('/proc/{os.getpid()}/{file}').read_bytes())") == "PermissionError"


@needs_landlock
def test_the_process_cannot_write_files(monkeypatch, tmp_path):
    assert result_of(monkeypatch, f"Path({str(tmp_path / 'taken')!r}).write_text('x')") == "PermissionError"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(landlock_version() < 4, reason="the kernel's Landlock does not limit connections")
def test_the_process_cannot_connect(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert result_of(monkeypatch, f"socket.create_connection(('127.0.0.1', {port}))") == "PermissionError"


@pytest.mark.skipif(landlock_version() < 6, reason="the kernel's Landlock does not limit signals")
def test_the_process_cannot_send_signals(monkeypatch):
    assert result_of(monkeypatch, f"os.kill({os.getpid()}, 0)") == "PermissionError"


def test_the_scan_keeps_its_own_rights(tmp_path):
    run_in_sandbox("pdf", reader("1.pdf", CARD))
    (tmp_path / "report.html").write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_without_landlock_the_process_runs_all_the_same(monkeypatch):
    monkeypatch.setattr("remote_artwork.preflight.landlock.landlock_version", lambda: 0)
    assert run_in_sandbox("pdf", reader("1.pdf", CARD))["pages"] == 1


@needs_landlock
def test_a_system_that_forbids_landlock_is_logged(monkeypatch, caplog):
    monkeypatch.setattr("remote_artwork.preflight.landlock._RESTRICT_SELF", 10**6)
    assert run_in_sandbox("pdf", reader("1.pdf", CARD))["pages"] == 1
    assert [record.getMessage() for record in caplog.records] == ["sandbox_not_restricted"]


def test_a_file_with_scattered_parts_needs_few_requests():
    block, pages = 65_536, 300
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + pages))
    objects[2] = b"<</Type/Pages/Count %d/Kids[%b]>>" % (pages, kids)
    for number in range(3, 3 + pages):
        objects[number] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>"
    data, table = bytearray(b"%PDF-1.7\n".ljust(block * (pages + 3))), []
    for number, body in objects.items():
        at = number * block
        table.append(b"%010d 00000 n \n" % at)
        written = b"%d 0 obj\n%b\nendobj\n" % (number, body)
        data[at : at + len(written)] = written
    tail = b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(table) + 1, b"".join(table))
    tail += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(table) + 1, len(data))
    data = bytes(data) + tail
    requests = []

    def fetch(_file, start, end):
        requests.append((start, end))
        return FilePart(content=data[start:end])

    result = run_in_sandbox("pdf", RangeReader(PinnedFile(reader("1.pdf", data).file, look_up=reader, fetch=fetch)))
    assert (result.get("flaw", ""), result["pages"]) == ("", pages)
    assert len(requests) < 150
    assert sum(end - start for start, end in requests) <= len(data)


def test_waiting_for_the_process_is_limited_in_all(monkeypatch):
    monkeypatch.setattr(sandbox, "_MAX_WAIT", 0.3)
    endless = "while True: os.write(1, struct.pack('>BQI', 0, 0, 1)); os.read(0, 1); time.sleep(0.05)"
    with pytest.raises(ResourceLimitExceeded, match=r"^time_limit$"):
        run_code(monkeypatch, endless)


def test_a_storage_error_is_raised_and_ends_the_process(monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(sandbox.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])

    class Down(Reader):
        def read(self, start, length):  # noqa: ARG002 - of the interface
            raise StorageUnreachable("down")

    with pytest.raises(StorageUnreachable):
        run_in_sandbox("pdf", Down(reader("1.pdf", CARD).file, CARD))
    assert started[0].returncode is not None
