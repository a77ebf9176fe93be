"""Which files wait before they are looked at."""

from datetime import UTC, datetime, timedelta

import pytest

from remote_artwork.core.orders import StoredFile
from remote_artwork.core.planner import stability_problem
from remote_artwork.core.reasons import reason

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def waits(*, size=1, age=0.0, settle_for=MINUTE, appear_whole=False):
    time = None if age is None else NOW - timedelta(seconds=age)
    file = StoredFile(name="1.pdf", size=size, etag="e", last_modified=time)
    problem = stability_problem([file], now=NOW, settle_for=settle_for, appear_whole=appear_whole)
    return problem and problem.render()


@pytest.mark.parametrize("age", [0, 59.9, -30])
def test_a_new_file_waits_where_it_can_be_seen_half_written(age):
    assert waits(age=age) == (
        "1.pdf was changed just now, so its upload may not be finished; it is checked when it is 1 minute old"
    )


@pytest.mark.parametrize("age", [60, 10**6, -(10**8), None])
def test_an_old_file_or_one_whose_age_means_nothing_does_not_wait(age):
    assert waits(age=age) is None


@pytest.mark.parametrize("appear_whole", [True, False])
def test_a_new_empty_file_waits_everywhere(appear_whole):
    assert waits(size=0, appear_whole=appear_whole).startswith("1.pdf is empty, so its upload may not be finished")
    assert waits(size=0, age=60, appear_whole=appear_whole) is None


def test_a_whole_file_does_not_wait_where_files_appear_whole():
    assert waits(appear_whole=True) is None


def test_nothing_waits_unless_the_shop_says_so():
    assert waits(settle_for=None) is None
    assert waits(size=0, settle_for=None) is None


def test_one_file_that_waits_is_enough():
    old, new = (StoredFile(name=f"{n}.pdf", size=1, etag="e", last_modified=NOW - n * MINUTE) for n in (5, 0))
    problem = stability_problem([old, new], now=NOW, settle_for=MINUTE, appear_whole=False)
    assert problem == reason("file_just_changed", file="0.pdf", settle_for=60.0)
