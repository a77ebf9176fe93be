from datetime import UTC, datetime

import pytest

from remote_artwork.storage.doctor import Verdict, compare_clocks


@pytest.mark.parametrize("date", ["", "noon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_time_that_cannot_be_read_compares_no_clocks(date):
    assert compare_clocks(date, datetime(2026, 1, 1, tzinfo=UTC)).verdict is Verdict.WARNING
