"""Findings: a verdict in words of its own."""

import json

from attrs import asdict

from remote_artwork.core.report import Finding, Severity


def test_a_severity_is_written_as_a_plain_word():
    assert json.dumps(list(Severity)) == '["pass", "warn", "reject"]'


def test_a_finding_without_a_measure_says_no_more_than_its_message():
    finding = Finding(severity=Severity.REJECT, code="truncated", message="upload it again")
    assert asdict(finding)["measured"] is None
    assert asdict(finding)["required"] is None
