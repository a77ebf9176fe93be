"""Which of several files is taken: exactly one, or none."""

from datetime import UTC, datetime, timedelta

import pytest

from remote_artwork.core.orders import StoredFile
from remote_artwork.core.policy import preferred

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def file(name, minutes=None):
    time = None if minutes is None else NOON + timedelta(minutes=minutes)
    return StoredFile(name=name, size=1, etag="e", last_modified=time)


def taken(preference, *files):
    chosen = preferred(files, preference)
    return chosen and chosen.name


def test_a_conflict_takes_none():
    assert taken("conflict", file("a.pdf", 1), file("a.png", 2)) is None


def test_the_newest_is_the_one_that_was_changed_last():
    assert taken("newest", file("a.pdf", 1), file("a.png", 3), file("a.jpg", 2)) == "a.png"


def test_where_times_do_not_tell_none_is_taken():
    assert taken("newest", file("a.pdf", 1), file("a.png", 1)) is None
    assert taken("newest", file("a.pdf", 1), file("a.png")) is None


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("a.jpg", "a.png", "a.pdf"), "a.pdf"),
        (("a.jpg", "a.png"), "a.png"),
        (("a.JPG", "a.PNG"), "a.PNG"),
        (("a.pdf", "a.PDF", "a.png"), None),
        (("a.jpg", "a.jpeg"), None),
    ],
)
def test_the_first_format_that_is_there_is_taken_if_it_is_there_once(names, chosen):
    assert taken("prefer:pdf, png", *map(file, names)) == chosen


def test_jpg_and_jpeg_are_one_format():
    assert taken("prefer:jpg,png", file("a.jpeg"), file("a.png")) == "a.jpeg"
    assert taken("prefer:jpeg", file("a.jpg"), file("a.pdf")) == "a.jpg"
