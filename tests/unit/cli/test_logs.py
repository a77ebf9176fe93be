import logging

import pytest

from remote_artwork.cli.output import log_to_stderr


@pytest.fixture(autouse=True)
def as_it_was():
    logger = logging.getLogger("remote_artwork")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def test_an_event_is_one_line_that_says_what_it_is_about(capsys):
    log_to_stderr(verbose=True)
    facts = {"order_number": "1001", "files": ("1001_1.pdf",), "receipt": None, "reason": "too\ndark \x1b[2J"}
    logging.getLogger("remote_artwork.scanner").info("item_rejected", extra=facts)
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("item_rejected order_number=1001 files=('1001_1.pdf',) reason=too\\ndark \\x1b[2J")


def test_without_verbose_only_warnings_are_shown(capsys):
    log_to_stderr(verbose=False)
    logger = logging.getLogger("remote_artwork.scanner")
    logger.info("order_fulfilled", extra={"order_number": "1001"})
    logger.warning("pending_orders_broke_off", extra={"error": "line 3"})
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("pending_orders_broke_off: line 3")
