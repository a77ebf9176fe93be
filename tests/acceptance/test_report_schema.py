"""The documented schema of a report's JSON is true: it takes real reports, all words of ours, and nothing else."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import remote_artwork as ra
from remote_artwork.core.report import SCHEMA_VERSION
from remote_artwork.reports import Severity
from remote_artwork.testing import FakeShop
from shop_files import PNG, memory_folder

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture
def report(root):
    files, storage = memory_folder(root, "1_1.png", "2_1.png", "2_1.pdf", "3-1.png")
    files.pipe(f"{root}/4_1.jpg", PNG)
    shop = FakeShop([ra.Order(number, [ra.OrderItem("1", print_size_mm=(300, 300))]) for number in "1234"])
    policy = ra.Policy(preflight="deep", several_files="prefer:pdf")
    return json.loads(ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=policy).scan().to_json())


def test_a_report_has_the_form_that_is_documented(report):
    assert {item["status"] for item in report["items"]} == {"fulfilled", "missing", "rejected"}
    assert any(item["findings"] for item in report["items"])
    assert [error.message for error in VALIDATOR.iter_errors(report)] == []


@pytest.mark.parametrize("part", ["items", "files"])
def test_a_field_that_is_not_documented_is_noticed(report, part):
    report[part][0]["more"] = 1
    assert not VALIDATOR.is_valid(report)
    del report[part][0]["more"], report[part][0]["reason"]
    assert not VALIDATOR.is_valid(report)


def test_every_status_and_verdict_is_documented():
    parts = SCHEMA["$defs"]
    assert parts["item"]["properties"]["status"]["enum"] == list(ra.ItemStatus)
    assert parts["file"]["properties"]["status"]["enum"] == list(ra.FileStatus)
    assert parts["finding"]["properties"]["severity"]["enum"] == list(Severity)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION
