import logging
from typing import get_type_hints

import attrs
import pytest

import remote_artwork as ra
from reasons import because
from remote_artwork import events as public_events
from remote_artwork.core import events
from remote_artwork.core.report import FileOutcome, ItemOutcome, ScanReport
from remote_artwork.events import FilesListed, OrderFulfilled

KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)]
VALUES = {
    int: 1,
    bool: True,
    ItemOutcome: ItemOutcome(
        order_number="1", order_id="1", item_number="1", status=ra.ItemStatus.LATE, because=because("r")
    ),
    FileOutcome: FileOutcome(name="f", status=ra.FileStatus.EARLY, because=because("r")),
    ScanReport: ScanReport(dry_run=True, tenant="t", location="l", started_at=None, finished_at=None, items=()),
}


def an(kind):
    return kind(**{name: VALUES.get(hint, "x") for name, hint in get_type_hints(kind).items()})


def test_every_kind_of_event_is_public():
    assert {kind.__name__ for kind in KINDS} <= set(public_events.__all__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_cannot_be_changed_and_a_log_can_hold_what_it_tells(kind):
    event = an(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.tenant = "other"
    record = logging.getLogger("any").makeRecord(
        "any", logging.INFO, "", 0, event.event_name, (), None, extra=event.facts()
    )
    assert record.tenant == "x"
    assert "outcome" not in record.__dict__
    assert "report" not in record.__dict__


def test_an_event_is_named_like_its_class():
    assert an(OrderFulfilled).event_name == "order_fulfilled"
    assert an(FilesListed).event_name == "files_listed"
