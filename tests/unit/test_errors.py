"""The tree of errors is the one that its module draws."""

import inspect
import pickle
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from remote_artwork import errors
from remote_artwork.errors import RemoteArtworkError

LINE = re.compile(
    r"^ {4}(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+)(?: \((?P<builtin>\w+)\))?(?P<temporary> +\*)? *(?P<rest>.*)$"
)


def drawn():
    """Name → (parent, builtin, temporary), as the docstring draws them."""
    tree, path = {}, []
    for line in errors.__doc__.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        del path[len(match["indent"]) // 4 :]
        builtin = match["builtin"] or (re.search(r"\((\w+Error)\)$", match["rest"]) or [None, None])[1]
        tree[match["name"]] = (path[-1] if path else None, builtin, bool(match["temporary"]))
        path.append(match["name"])
    return tree


DRAWN = drawn()
CLASSES = {name: c for name, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, RemoteArtworkError)}


def test_every_error_is_drawn_and_no_other():
    assert set(DRAWN) == set(CLASSES)
    assert len(DRAWN) > 20


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_is_what_the_tree_says(name):
    parent, builtin, temporary = DRAWN[name]
    error = CLASSES[name]
    ours = [base.__name__ for base in error.__bases__ if issubclass(base, RemoteArtworkError)]
    theirs = [base.__name__ for base in error.__bases__ if not issubclass(base, RemoteArtworkError)]
    assert ours == ([parent] if parent else [])
    assert theirs == ([builtin] if builtin else [] if parent else ["Exception"])
    assert error.temporary is temporary


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_keeps_its_message(name):
    assert str(CLASSES[name]("what, where, and what to do")) == "what, where, and what to do"


def test_what_the_shop_said_is_carried():
    assert errors.RateLimited("slow down", retry_after=3).retry_after == 3
    assert errors.RateLimited().retry_after is None
    assert str(errors.RateLimited()) == "the shop limits the rate of calls"
    assert errors.ArtworkRejected("too dark").reason == "too dark"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 2.5 ", 2.5), ("-1", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)],
)
def test_how_long_to_wait_may_be_the_text_of_a_header(header, seconds):
    assert errors.RateLimited(retry_after=header).retry_after == seconds


def test_how_long_to_wait_may_be_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    assert 100 < errors.RateLimited(retry_after=soon).retry_after <= 120


def test_what_a_storage_said_is_carried_through_a_pickle():
    busy = pickle.loads(pickle.dumps(errors.StorageUnreachable("slow down", retry_after=3)))
    assert (str(busy), busy.retry_after) == ("slow down", 3)
    assert errors.StorageUnreachable("down").retry_after is None
