"""A setting of a wrong type is refused where it is made: the error names it and says what it must be."""

import asyncio
from datetime import timedelta

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.testing import FakeShop
from shop_files import memory_folder


@pytest.fixture
def parts(root):
    _, storage = memory_folder(root)
    return {"storage": storage, "client": FakeShop([]), "ledger": ra.MemoryLedger()}


def make(parts, **options):
    options = {**parts, **options}
    return ra.Scanner(options.pop("storage"), options.pop("client"), **options)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("storage", "s3://prints/in/?sig=secret", "must be an ArtworkStorage; open_storage(url) opens one, not str"),
        ("client", FakeShop, "must be an object with the methods of FulfillmentClient, not the class FakeShop"),
        ("client", None, "must be an object with the methods of FulfillmentClient, not NoneType"),
        ("ledger", "sqlite:///ledger.db", "must be a ledger, for example SqlLedger(url), not str"),
        ("ledger", ra.MemoryLedger, "not the class MemoryLedger"),
        ("pattern", 3, "a pattern must be text, not int"),
        ("policy", {}, "must be a Policy, not dict"),
        ("tenant", 3, "must be text, not int"),
        ("checks", [print], "must be a list of objects with a method check, or None, not list"),
        ("checks", print, "must be a list of objects with a method check"),
        ("retry", 3, "must be a RetryPolicy, not int"),
        ("url_lifetime", 3600, "must be a timedelta, not int"),
        ("observer", print, "must be an object with a method on_event, not builtin_function_or_method"),
        ("clock", 5, "must be a function that returns the time, not int"),
    ],
)
def test_a_scanner_refuses_a_setting_of_another_type(parts, name, value, message):
    with pytest.raises(ra.ConfigurationError) as error:
        make(parts, **{name: value})
    assert message in str(error.value)
    assert name in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "options", "message"),
    [
        ("scan", {"orders": 1001}, "orders must be a collection of order numbers, not int"),
        ("scan", {"orders": [1001]}, "a number in orders must be text, not int"),
        ("plan", {"orders": "1001"}, "for example orders=['1001']"),
        ("scan", {"limit": "3"}, "limit must be a whole number from 1, or None, not str"),
        ("scan", {"limit": 0}, "limit must be a whole number from 1"),
        ("scan", {"stop": True}, "stop must be a threading.Event, or None, not bool"),
        ("plan", {"on_file": 3}, "on_file must be a function, or None, not int"),
        ("explain", {"name": 5}, "the name of the file must be text, not int"),
        ("explain", {"order": 5}, "order must be the number of an order, as text, not int"),
        ("run_forever", {"every": 3600}, "every must be a timedelta, not int"),
    ],
)
def test_a_call_refuses_an_argument_of_another_type(parts, call, options, message):
    with pytest.raises(ra.ConfigurationError) as error:
        getattr(make(parts), call)(**options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (lambda: ra.open_storage("s3://prints/in/", network=True), "network must be a NetworkPolicy, not bool"),
        (lambda: ra.ArtworkStorage("s3://prints/in/", "in"), "must be an fsspec file system; open_storage(url) opens"),
        (lambda: ra.ArtworkStorage(fsspec.filesystem("memory"), 5), "must be the path of a folder, as text, not int"),
        (lambda: ra.NetworkPolicy(allow_private="no"), "NetworkPolicy.allow_private must be True or False, not str"),
        (lambda: ra.FilenamePattern(5), "a pattern must be text, not int"),
    ],
)
def test_a_storage_or_a_pattern_refuses_a_setting_of_another_type(create, message):
    with pytest.raises(ra.ConfigurationError) as error:
        create()
    assert message in str(error.value)


def test_the_pool_of_an_async_scanner_is_an_executor(parts):
    with pytest.raises(ra.ConfigurationError, match=r"AsyncScanner\.pool must be an Executor, or None, not int"):
        ra.AsyncScanner(parts["storage"], parts["client"], ledger=parts["ledger"], pool=4)
    scanner = ra.AsyncScanner(parts["storage"], parts["client"], ledger=parts["ledger"])
    assert asyncio.run(scanner.scan()).exit_code == 0


def test_a_saved_report_is_read_before_it_is_compared(parts):
    report = make(parts, url_lifetime=timedelta(hours=1)).scan()
    with pytest.raises(TypeError, match=r"must be a ScanReport, not dict; ScanReport.from_dict reads one"):
        report.changes_since(report.to_dict())
    with pytest.raises(ra.ConfigurationError, match="target of a report must be a path or an open text file, not int"):
        report.to_html(5)
    with pytest.raises(ra.ConfigurationError, match="storage of a report must be an ArtworkStorage"):
        report.to_html(storage="s3://prints/in/")
    with pytest.raises(TypeError, match="must be a ScanReport, not NoneType"):
        report.merged_with(None)
