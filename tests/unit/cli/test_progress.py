import io

import pytest
from rich.console import Console

from reasons import because
from remote_artwork.cli.output import ProgressBar
from remote_artwork.events import FilesListed, ItemFound, ItemRejected, ItemVerified, OrderFulfilled, OrderStarted

ITEM = {"tenant": "t", "order_number": "7", "order_id": "7", "item_number": "1", "files": ("7_1.pdf",)}
LISTED = FilesListed(tenant="t", count=1_200)
STARTED = OrderStarted(tenant="t", order_number="[7]\x1b[2J", order_id="7", done=3, total=9)


@pytest.fixture
def bar():
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with ProgressBar(console) as bar:
        yield bar


def drawn(bar):
    [table] = bar._progress.get_renderables()
    out = Console(file=io.StringIO(), width=120, color_system=None)
    out.print(table)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([], "reading pending orders"),
        ([LISTED, LISTED], "listing: 2,400 files seen"),
        ([STARTED], "order [7]\\x1b[2J"),
        (
            [ItemVerified(**ITEM), ItemVerified(**ITEM), ItemRejected(**ITEM, because=because("r"))],
            "2 verified, 1 rejected",
        ),
        ([OrderFulfilled(tenant="t", order_number="7", order_id="7", receipt=None)], "1 fulfilled"),
        ([ItemFound(**ITEM)], "reading pending orders"),
    ],
)
def test_the_bar_shows_what_happens(bar, events, text):
    for event in events:
        bar.on_event(event)
    assert text in drawn(bar)


def test_the_bar_is_as_long_as_the_orders_with_something_to_do(bar):
    bar.on_event(STARTED)
    [task] = bar._progress.tasks
    assert (task.completed, task.total) == (3, 9)
