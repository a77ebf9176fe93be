# ruff: noqa: ARG002 - doubles have the interface's arguments
import pytest

from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.report import Finding, Severity
from remote_artwork.errors import StorageUnreachable
from remote_artwork.preflight.base import run_checks

ITEM = OrderItem("1")


class NoReader:
    file = StoredFile(name="1_1.png", size=1, etag="e")

    def read(self, start, length):
        raise AssertionError("nothing is to be read")


class Says:
    def __init__(self, *findings, error=None):
        self.findings, self.error, self.asked = findings, error, 0

    def check(self, artwork, item):
        self.asked += 1
        yield from self.findings
        if self.error is not None:
            raise self.error


def finding(severity, code="x"):
    return Finding(severity=severity, code=code, message="m")


def test_findings_come_in_the_order_of_the_checks():
    first, second = finding(Severity.PASS, "a"), finding(Severity.WARN, "b")
    assert run_checks([Says(first), Says(), Says(second)], NoReader(), ITEM) == (first, second)


def test_the_first_check_that_rejects_is_the_last_to_be_asked():
    reject, more, last = finding(Severity.REJECT), finding(Severity.WARN), Says(finding(Severity.PASS))
    assert run_checks([Says(reject, more), last], NoReader(), ITEM) == (reject, more)
    assert last.asked == 0


def test_a_check_that_breaks_rejects_the_file_and_is_logged_with_its_traceback(caplog):
    last = Says()
    [found] = run_checks([Says(error=KeyError("secret")), last], NoReader(), ITEM)
    assert (found.severity, found.code) == (Severity.REJECT, "check_failed")
    assert "Says" in found.message
    assert "secret" not in found.message
    assert last.asked == 0
    [record] = caplog.records
    assert record.getMessage() == "preflight_check_failed"
    assert record.exc_info[0] is KeyError


def test_a_storage_error_passes_through():
    with pytest.raises(StorageUnreachable):
        run_checks([Says(error=StorageUnreachable("down"))], NoReader(), ITEM)
