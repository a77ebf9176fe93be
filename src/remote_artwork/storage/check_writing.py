"""The one step of a check that writes: only where somebody asks for it."""

from __future__ import annotations

from uuid import uuid4

from remote_artwork.errors import RemoteArtworkError
from remote_artwork.storage.check_steps import CheckStep, Patient, Verdict
from remote_artwork.storage.trials import Writes, writer_of


def write_and_delete(patient: Patient) -> CheckStep:
    """Writes a small file of a name of its own, reads it, overwrites it, and deletes it."""
    writer = writer_of(patient.storage)
    if writer is None:
        message = "nothing was written: this kind of storage is opened for reading only"
        return CheckStep(name="write", verdict=Verdict.WARNING, message=message)
    name = f"remote-artwork-write-test-{uuid4().hex}.txt"
    try:
        writer.write(name, b"first")
    except RemoteArtworkError as error:
        message = f"nothing could be written, and a scan does not need to: {error}"
        return CheckStep(name="write", verdict=Verdict.OK, message=message)
    try:
        step = _overwritten(patient, writer, name)
    except RemoteArtworkError as error:
        step = patient.failed("write", error, "read")
    try:
        writer.delete(name)
    except RemoteArtworkError as error:
        message = f"{name} was written and could not be deleted again, so delete it; {error}"
        return CheckStep(name="write", verdict=Verdict.FAILED, message=message, error=error)
    return step


def _overwritten(patient: Patient, writer: Writes, name: str) -> CheckStep:
    storage = patient.storage
    before = storage.stat(name)
    first = storage.reader(before).read(0, 16)
    writer.write(name, b"other")
    after = storage.stat(name)
    other = storage.reader(after).read(0, 16)
    if (first, other) != (b"first", b"other") or before.version == after.version:
        message = "a file was overwritten and looks as before, so replaced files would not be noticed; do not use it"
        return CheckStep(name="write", verdict=Verdict.FAILED, message=message)
    hidden = ", whose versions stay hidden until the bucket's rules remove them" if after.version_id else ""
    message = (
        f"a file was written, read, overwritten with a new version and deleted{hidden}; "
        "a scan writes nothing, so give it credentials that may read and list only"
    )
    return CheckStep(name="write", verdict=Verdict.WARNING, message=message)
