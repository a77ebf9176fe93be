"""Which checks a policy asks for, and how they run."""

# ruff: noqa: ARG002 - doubles have the arguments of the interface
import pytest

from remote_artwork.core.orders import OrderItem, StoredFile
from remote_artwork.core.policy import Policy
from remote_artwork.core.report import Finding, Severity
from remote_artwork.errors import MissingExtra, StorageUnreachable
from remote_artwork.preflight import checks
from remote_artwork.preflight.checks import preflight_checks, run_checks
from remote_artwork.preflight.pdf import PdfCheck
from remote_artwork.preflight.pictures import PictureCheck
from remote_artwork.preflight.signature import SignatureCheck

ITEM = OrderItem("1")


class NoReader:
    file = StoredFile(name="1_1.png", size=1, etag="e")

    def read(self, start, length):
        raise AssertionError("a check read the file")


class FakeCheck:
    def __init__(self, *findings, error=None):
        self.findings, self.error, self.runs = findings, error, 0

    def check(self, artwork, item):
        self.runs += 1
        yield from self.findings
        if self.error is not None:
            raise self.error


def finding(severity, code="x"):
    return Finding(severity=severity, code=code, message="m")


def test_findings_have_the_order_of_the_checks():
    first, second = finding(Severity.PASS, "a"), finding(Severity.WARN, "b")
    assert run_checks([FakeCheck(first), FakeCheck(), FakeCheck(second)], NoReader(), ITEM) == (first, second)


def test_no_check_runs_after_a_rejection():
    reject, more, last = finding(Severity.REJECT), finding(Severity.WARN), FakeCheck(finding(Severity.PASS))
    assert run_checks([FakeCheck(reject, more), last], NoReader(), ITEM) == (reject, more)
    assert last.runs == 0


def test_a_check_that_raises_rejects_the_file_and_is_logged(caplog):
    last = FakeCheck()
    [found] = run_checks([FakeCheck(error=KeyError("secret")), last], NoReader(), ITEM)
    assert (found.severity, found.code) == (Severity.REJECT, "check_failed")
    assert "FakeCheck" in found.message
    assert "secret" not in found.message
    assert last.runs == 0
    [record] = caplog.records
    assert record.getMessage() == "preflight_check_failed"
    assert record.exc_info[0] is KeyError


def test_a_storage_error_is_raised():
    with pytest.raises(StorageUnreachable):
        run_checks([FakeCheck(error=StorageUnreachable("down"))], NoReader(), ITEM)


def test_a_policy_checks_only_signatures_by_default():
    assert preflight_checks(Policy(max_file_size=7)) == (SignatureCheck(max_file_size=7),)


def test_a_deep_policy_sets_the_options_of_the_checks():
    policy = Policy(
        preflight="deep",
        min_dpi=200,
        max_pixels=10,
        max_pages=2,
        bleed_mm=3,
        color_modes=["rgb"],
        reject_for={"bleed"},
    )
    assert preflight_checks(policy) == (
        SignatureCheck(),
        PictureCheck(min_dpi=200, max_pixels=10, color_modes=("rgb",), reject_for=("bleed",)),
        PdfCheck(bleed_mm=3, max_pages=2, reject_for=("bleed",)),
    )


def test_policy_and_checks_have_the_same_defaults():
    _, pictures, documents = preflight_checks(Policy(preflight="deep"))
    assert set(pictures.color_modes) == set(PictureCheck().color_modes)
    assert (pictures.min_dpi, pictures.max_pixels) == (PictureCheck().min_dpi, PictureCheck().max_pixels)
    assert documents == PdfCheck()


def test_a_missing_package_is_named_with_the_command_to_install_it(monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None if name == "pikepdf" else "installed")
    with pytest.raises(MissingExtra, match=r"needs pikepdf: pip install 'remote_artwork\[preflight\]'"):
        preflight_checks(Policy(preflight="deep"))
    assert preflight_checks(Policy())
