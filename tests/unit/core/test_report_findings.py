"""Findings of checks: codes of the catalog, or a check's own code and message."""

import copy
import json
import pickle

import pytest
from attrs import evolve

from german_catalog import GERMAN
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Finding, Severity

DAMAGED = Finding(severity=Severity.REJECT, code="damaged", details={"medium": "pdf_file", "flaw": "not_openable"})
OWN = Finding(severity=Severity.REJECT, code="screenshot", message="upload the artwork itself", details={"side": 640})


def test_a_severity_is_written_as_a_plain_word():
    assert json.dumps(list(Severity)) == '["pass", "warn", "reject"]'


def test_a_finding_of_the_catalog_renders_in_every_language():
    assert DAMAGED.message == "the PDF is damaged: it cannot be opened; export it again and upload it"
    assert DAMAGED.render(GERMAN) == "das PDF ist beschädigt: es lässt sich nicht öffnen; exportieren Sie es neu"


def test_notes_follow_the_message():
    noted = Finding(severity=Severity.REJECT, code="truncated", notes=(reason("end_missing", type="png"),))
    assert noted.message == (
        "the file is incomplete; it begins as a PNG picture, but its end is missing; upload it again"
    )


def test_a_check_of_a_shops_own_has_its_own_code_and_message():
    assert OWN.message == "upload the artwork itself"
    assert OWN.render(GERMAN) == "upload the artwork itself"
    own_catalog = evolve(GERMAN, templates={**GERMAN.templates, "screenshot": "nur {side} Pixel"})
    assert OWN.render(own_catalog) == "nur 640 Pixel"
    rejected = reason("file_rejected", file="1001_1.png", finding=OWN.to_dict())
    assert rejected.render() == "1001_1.png: upload the artwork itself"
    assert rejected.render(own_catalog) == "1001_1.png: nur 640 Pixel"


def test_an_own_message_is_kept_where_a_template_needs_other_fields():
    finding = Finding(severity=Severity.REJECT, code="damaged", message="torn")
    assert (finding.message, finding.render(GERMAN)) == ("torn", "torn")


def test_a_code_without_a_message_must_be_in_the_catalog():
    with pytest.raises(ValueError, match="no reason has the code 'screenshot'"):
        Finding(severity=Severity.REJECT, code="screenshot")


@pytest.mark.parametrize("finding", [DAMAGED, OWN])
def test_a_finding_is_plain_data(finding):
    assert pickle.loads(pickle.dumps(finding)) == copy.deepcopy(finding) == finding
    assert json.loads(json.dumps(finding.to_dict())) == finding.to_dict()
