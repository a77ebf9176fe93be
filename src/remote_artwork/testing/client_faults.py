# ruff: noqa: S101 - a contract asserts
"""The part of a client's contract that is about whole scans in which something goes wrong."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pytest

from remote_artwork.core.model import Attaching, Order, OrderState, Recovery
from remote_artwork.core.report import ItemStatus
from remote_artwork.errors import OutcomeUnknown, RateLimited, Unavailable
from remote_artwork.interfaces import FulfillmentClient
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.testing.client_trial import Trial, upload
from remote_artwork.testing.faults import Faults, Killed, Moment, crash_points

Change = Callable[[Order], None]
MOMENTS: tuple[Moment, ...] = ("before", "after")
LOST = (OutcomeUnknown("no answer"), TimeoutError("the host's own library gave up"))

before_and_after = pytest.mark.parametrize("moment", MOMENTS)


class WholeScansOfAClient:
    """Whatever goes wrong, nothing is sent twice and nothing is lost. Part of ``FulfillmentClientContract``."""

    @pytest.fixture
    def folder(self) -> Iterator[tuple[Any, str]]:
        """A file system of fsspec, and an empty folder in it."""
        files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
        files.makedirs(folder)
        yield files, folder
        files.rm(folder, recursive=True)

    @pytest.fixture
    def fulfilments(self) -> Callable[[Order], int] | None:
        """How often the host has fulfilled an order; None: as often as it has said so."""
        return None

    @pytest.fixture
    def delete(self) -> Change:
        """Deletes an order at the host."""
        pytest.skip("no order can be deleted: override the fixture `delete`")

    @pytest.fixture
    def afresh(self) -> Callable[[], FulfillmentClient]:
        """Gives a client whose ``order`` waits again as at first."""
        pytest.skip("no order can be put back: override the fixture `afresh`")

    @pytest.fixture
    def trial(
        self,
        client: FulfillmentClient,
        order: Order,
        folder: tuple[Any, str],
        fulfilments: Callable[[Order], int] | None,
    ) -> Trial:
        """The ``order`` with its files in place, and a ledger that knows nothing of it."""
        upload(*folder, order)
        return Trial(client, order, ArtworkStorage(*folder), fulfilments)

    def test_a_scan_fulfils_the_order_once_and_the_next_ones_leave_it(self, trial: Trial) -> None:
        """Nothing goes wrong."""
        assert trial.scan() == {ItemStatus.FULFILLED}
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @pytest.mark.parametrize("error", LOST, ids=lambda error: type(error).__name__)
    @before_and_after
    def test_a_fulfil_without_an_answer_is_settled_and_never_sent_twice(
        self, trial: Trial, moment: Moment, error: Exception
    ) -> None:
        """Whether or not it has had its effect. Without any recovery it waits for a person."""
        assert trial.scan(fault("client.fulfill", error, moment)) == {ItemStatus.UNCERTAIN}
        settles(trial, sent=moment == "after")

    @pytest.mark.parametrize("error", [RateLimited("429", retry_after=1.0), Unavailable("503")], ids=str)
    def test_a_fulfil_that_was_refused_for_now_is_sent_by_a_later_scan(self, trial: Trial, error: Exception) -> None:
        """Or at once, where a repeat has no second effect."""
        at_once = {ItemStatus.FULFILLED if trial.client.recovery is Recovery.IDEMPOTENT else ItemStatus.FAILED}
        assert trial.scan(fault("client.fulfill", error)) == at_once
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @before_and_after
    def test_an_attachment_without_an_answer_is_set_again(self, trial: Trial, moment: Moment) -> None:
        """Nothing is sent before all of it is known to be attached."""
        if trial.client.attaching is Attaching.WITH_FULFILL:
            pytest.skip("the client attaches with fulfill")
        assert ItemStatus.FULFILLED not in trial.scan(fault("client.attach_artwork", LOST[0], moment))
        assert trial.times_fulfilled() == 0
        trial.scan_in_the_end()
        ends_fulfilled_once(trial)

    @pytest.mark.parametrize("call", ["client.pending_orders", "client.get_order"])
    def test_questions_that_fail_for_now_are_asked_again(self, trial: Trial, call: str) -> None:
        """In the same scan."""
        assert trial.scan(fault(call, Unavailable("503"))) == {ItemStatus.FULFILLED}
        ends_fulfilled_once(trial)

    def test_an_order_cancelled_right_before_it_is_sent_is_not_sent(self, trial: Trial, cancel: Change) -> None:
        """The host refuses it."""
        is_not_sent_after(trial, cancel)

    def test_an_order_deleted_right_before_it_is_sent_is_not_sent(self, trial: Trial, delete: Change) -> None:
        """The host no longer knows it."""
        is_not_sent_after(trial, delete)

    @before_and_after
    def test_a_process_that_dies_at_the_fulfil_leaves_it_to_the_next(self, trial: Trial, moment: Moment) -> None:
        """Which finds the intent in the ledger."""
        with pytest.raises(Killed):
            trial.scan(dying("client.fulfill", moment))
        settles(trial, sent=moment == "after")

    def test_a_process_may_die_at_any_call(self, trial: Trial, afresh: Callable[[], FulfillmentClient]) -> None:
        """Before and after each call to the storage, the client and the ledger."""

        def scan(faults: Faults) -> None:
            trial.begin(afresh())
            trial.scan(faults)

        deaths = 0
        for point in crash_points(scan):
            trial.scan()
            assert trial.times_fulfilled() <= 1, point
            trial.scan_in_the_end()
            assert trial.times_fulfilled() <= 1, point
            if trial.client.recovery is not Recovery.NONE:
                assert trial.client.get_order(trial.order.id).state is OrderState.FULFILLED, point
            deaths += 1
        assert deaths > 0


def fault(call: str, error: Exception, moment: Moment = "before") -> Faults:
    """The first such call fails."""
    faults = Faults()
    faults.fail(call, error, moment=moment)
    return faults


def dying(call: str, moment: Moment) -> Faults:
    """The process dies at the first such call."""
    faults = Faults()
    faults.meanwhile(call, faults.die, moment=moment)
    return faults


def ends_fulfilled_once(trial: Trial) -> None:
    """The host says so, and by a single call."""
    assert trial.client.get_order(trial.order.id).state is OrderState.FULFILLED
    assert trial.times_fulfilled() == 1


def settles(trial: Trial, *, sent: bool) -> None:
    """Later scans settle a call whose end is not recorded, as the client's ``recovery`` allows."""
    outcomes = [trial.scan_later() for _ in range(3)]
    if trial.client.recovery is Recovery.NONE and {ItemStatus.FULFILLED} not in outcomes:
        assert outcomes[-1] == {ItemStatus.UNCERTAIN}
        assert trial.times_fulfilled() <= sent
    else:
        assert {ItemStatus.FULFILLED} in outcomes
        ends_fulfilled_once(trial)


def is_not_sent_after(trial: Trial, change: Change) -> None:
    """Somebody changes the order while it is worked on."""
    faults = Faults()
    faults.meanwhile("client.fulfill", lambda: change(trial.order))
    assert trial.scan(faults) == {ItemStatus.CANCELLED}
    trial.scan_in_the_end()
    assert trial.times_fulfilled() == 0
