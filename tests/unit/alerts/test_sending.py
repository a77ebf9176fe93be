"""``Alerts``: what is reported, how often, and what happens if a message is not delivered."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from alert_reports import DAY, HOUR, STORAGE_DOWN, Inbox, item, report, reported
from reasons import because
from remote_artwork.alerts import AlertOutcome, AlertPolicy, AlertResult, Alerts
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import Fault, ItemStatus, UnknownOrder
from remote_artwork.errors import ConfigurationError, InvalidLedger, LedgerUnavailable
from remote_artwork.ledgers import MemoryLedger

MINUTE = timedelta(minutes=1)
OPEN = item("1001")
DONE = item("1001", ItemStatus.FULFILLED)
LEFT = item("1001", ItemStatus.MATCHED, because=reason("stopped"))


class AsyncInbox:
    """A notifier whose method would have to be awaited."""

    async def send(self, digest):
        raise AssertionError(digest)


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def alerts(ledger, inbox):
    return Alerts(ledger, inbox)


# --- New, still open, resolved ---


def test_a_problem_is_reported_once_and_when_it_is_resolved(alerts, inbox):
    outcomes = [
        alerts.send(report(*items, after=hours * HOUR)).outcome
        for hours, items in enumerate([[], [OPEN], [OPEN], [DONE], [DONE], []])
    ]
    assert [str(outcome) for outcome in outcomes] == [
        *("nothing_new", "delivered", "nothing_new", "delivered", "nothing_new", "nothing_new")
    ]
    assert inbox.take() == [[("new", "1001")], [("resolved", "1001")]]


def test_a_problem_is_reported_again_at_each_age(alerts, inbox):
    sent_after = [
        hours / 24
        for hours in range(32 * 24)
        if alerts.send(report(OPEN, after=hours * HOUR)).outcome is AlertOutcome.DELIVERED
    ]
    assert sent_after == [0, 1, 3, 7, 14, 30]
    assert inbox.take() == [[("new", "1001")], *[[("reminders", "1001")]] * 5]


def test_several_ages_that_pass_between_two_scans_are_one_reminder(alerts, inbox):
    alerts.send(report(OPEN))
    alerts.send(report(OPEN, after=8 * DAY))
    alerts.send(report(OPEN, after=9 * DAY))
    [_, reminder] = inbox.digests
    [problem] = reminder.reminders
    assert problem.open_for(reminder.scanned_at) == 8 * DAY


def test_a_problem_with_another_reason_is_new(alerts, inbox):
    alerts.send(report(OPEN))
    other = item("1001", ItemStatus.CONFLICT, because=reason("pending_again"))
    alerts.send(report(other, after=2 * DAY))
    alerts.send(report(other, after=2 * DAY + HOUR))
    alerts.send(report(DONE, after=3 * DAY))
    assert inbox.take() == [[("new", "1001")], [("new", "1001")], [("resolved", "1001")]]


def test_a_digest_has_the_other_problems_that_are_open(alerts, inbox):
    alerts.send(report(OPEN))
    alerts.send(report(OPEN, item("1002"), after=HOUR))
    digest = inbox.digests[-1]
    assert reported(digest) == [("new", "1002")]
    assert [each.problem.order_number for each in digest.still_open] == ["1001"]


def test_items_that_need_nobody_and_unknown_numbers_are_not_reported(alerts, inbox):
    unknown = UnknownOrder(order_number="7", because=because("no such order"))
    waiting = report(item("1001", ItemStatus.MISSING), orders=("7", "1001"), unknown_orders=(unknown,))
    assert alerts.send(waiting).outcome is AlertOutcome.NOTHING_NEW
    assert inbox.take() == []


def test_each_merchant_and_each_location_has_alerts_of_its_own(alerts, inbox):
    for place in ({}, {"tenant": "globex"}, {"location": "s3://prints/out/"}):
        alerts.send(report(OPEN, **place))
        alerts.send(report(OPEN, after=HOUR, **place))
    assert inbox.take() == [[("new", "1001")]] * 3


# --- Problems that come and go ---


@pytest.mark.parametrize("status", [ItemStatus.FAILED, ItemStatus.UNREADABLE])
def test_an_item_that_comes_and_goes_is_reported_once(alerts, inbox, status):
    for hours in range(20):
        alerts.send(report(item("1001", status) if hours % 2 else DONE, after=hours * HOUR))
    assert inbox.take() == [[("new", "1001")]]


def test_an_item_that_fails_for_another_reason_each_time_is_reported_once(alerts, inbox):
    for hours in range(30):
        failed = item("1001", ItemStatus.FAILED, because=reason("pending_again") if hours % 2 else because("down"))
        alerts.send(report(failed, after=hours * HOUR))
    alerts.send(report(OPEN, after=30 * HOUR))
    assert inbox.take() == [[("new", "1001")], [("reminders", "1001")], [("new", "1001")]]


def test_a_fault_that_comes_and_goes_is_resolved_after_some_hours_without_it(alerts, inbox):
    for hours in range(12):
        alerts.send(report(OPEN, faults=(STORAGE_DOWN,) if hours in (0, 2, 4) else (), after=hours * HOUR))
    assert inbox.take() == [[("new", "storage"), ("new", "1001")], [("resolved", "storage")]]


def test_the_time_until_a_fault_is_resolved_is_an_option(ledger, inbox):
    alerts = Alerts(ledger, inbox, policy=AlertPolicy(resolved_after=timedelta(0)))
    alerts.send(report(faults=(STORAGE_DOWN,)))
    alerts.send(report(after=HOUR))
    assert inbox.take() == [[("new", "storage")], [("resolved", "storage")]]


def test_a_rejected_file_is_resolved_at_once(alerts, inbox):
    alerts.send(report(OPEN))
    alerts.send(report(DONE, after=MINUTE))
    assert inbox.take()[-1] == [("resolved", "1001")]


# --- Scans that did not look at everything ---


@pytest.mark.parametrize(
    "partial",
    [
        report(item("2000", ItemStatus.FULFILLED), orders=("2000",), after=2 * DAY),
        report(LEFT, after=2 * DAY),
        report(after=2 * DAY, faults=(Fault.of("client", "down"),)),
        report(
            item("1001", ItemStatus.UNREADABLE, because=reason("storage_not_read", error="no route")),
            strategy=(),
            faults=(STORAGE_DOWN,),
            after=2 * DAY,
        ),
    ],
    ids=["limited to other orders", "stopped", "the list broke off", "the storage is down"],
)
def test_what_a_scan_did_not_look_at_is_neither_resolved_nor_reported_again(alerts, inbox, partial):
    alerts.send(report(OPEN))
    alerts.send(partial)
    assert all(("resolved", "1001") not in digest for digest in inbox.take())
    alerts.send(report(OPEN, after=2 * DAY + HOUR))
    assert inbox.take() == [[("reminders", "1001")]]


def test_a_dry_run_is_refused(alerts):
    with pytest.raises(ValueError, match="dry run"):
        alerts.send(report(dry_run=True))


def test_a_report_that_is_older_than_the_last_one_changes_nothing(alerts, inbox):
    alerts.send(report(OPEN, after=HOUR))
    inbox.take()
    assert alerts.send(report(DONE)) == AlertResult(outcome=AlertOutcome.NOTHING_NEW)
    assert inbox.take() == []


# --- Delivery ---


def test_alerts_continue_after_a_scan_whose_clock_was_ahead(alerts, inbox):
    alerts.send(report(OPEN, after=365 * DAY))
    assert alerts.send(report(OPEN, item("1002"))).outcome is AlertOutcome.DELIVERED
    assert alerts.send(report(OPEN, after=HOUR)).outcome is AlertOutcome.DELIVERED
    assert inbox.take() == [[("new", "1001")], [("new", "1001"), ("new", "1002")], [("resolved", "1002")]]


def test_what_was_not_delivered_is_sent_once_after_the_next_scan(alerts, inbox, caplog):
    inbox.refuses = 2
    failed = [alerts.send(report(OPEN, after=hours * HOUR)) for hours in range(2)]
    assert {each.outcome for each in failed} == {AlertOutcome.NOT_DELIVERED}
    assert failed[0].error == "the channel is archived"
    assert [(record.message, record.error) for record in caplog.records] == [
        ("alert_not_delivered", "the channel is archived")
    ] * 2
    alerts.send(report(OPEN, item("1002"), after=2 * HOUR))
    alerts.send(report(OPEN, item("1002"), after=3 * HOUR))
    assert inbox.take() == [[("new", "1001"), ("new", "1002")]]


def test_a_resolution_that_was_not_delivered_is_sent_once_after_the_next_scan(alerts, inbox):
    alerts.send(report(OPEN))
    inbox.refuses = 1
    for hours in range(1, 4):
        alerts.send(report(DONE, after=hours * HOUR))
    assert inbox.take() == [[("new", "1001")], [("resolved", "1001")]]


def test_a_problem_that_was_never_delivered_is_not_resolved(alerts, inbox):
    inbox.refuses = 1
    alerts.send(report(OPEN))
    assert alerts.send(report(DONE, after=HOUR)).outcome is AlertOutcome.NOTHING_NEW
    assert inbox.take() == []


def test_a_problem_that_was_not_delivered_is_sent_even_if_the_next_scan_did_not_look_at_it(alerts, inbox):
    inbox.refuses = 1
    alerts.send(report(OPEN))
    alerts.send(report(orders=("2000",), after=HOUR))
    assert inbox.take() == [[("new", "1001")]]


def test_a_notifier_of_a_host_may_raise_anything_and_its_text_is_not_logged(alerts, inbox, caplog):
    inbox.refuses, inbox.error = 1, KeyError("https://hooks.example/T0/secret")
    result = alerts.send(report(OPEN))
    assert (result.outcome, result.error) == (AlertOutcome.NOT_DELIVERED, "KeyError")
    assert "secret" not in caplog.text
    assert alerts.send(report(OPEN, after=HOUR)).outcome is AlertOutcome.DELIVERED


def test_messages_can_be_limited_to_one_a_day(ledger, inbox):
    alerts = Alerts(ledger, inbox, policy=AlertPolicy(min_interval=DAY, remind_after=[]))
    problems = []
    for hours in range(49):
        problems.append(item(f"{hours:02}"))
        items = [problem for problem in problems if problem.order_number != "03" or hours < 6]
        result = alerts.send(report(*items, after=hours * HOUR))
        assert (result.outcome is AlertOutcome.DELIVERED) == (hours % 24 == 0)
        assert len(result.digest.still_open) == len(items) - len(result.digest.new)
    counts = [(len(digest.new), len(digest.resolved)) for digest in inbox.digests]
    assert counts == [(1, 0), (23, 0), (24, 0)]  # the problem that came and went meanwhile is not reported


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_interval": -HOUR}, "AlertPolicy.min_interval must be a timedelta of zero or more, not timedelta"),
        ({"resolved_after": 3}, "AlertPolicy.resolved_after must be a timedelta of zero or more, not int"),
        (
            {"remind_after": (DAY, 3)},
            "AlertPolicy.remind_after must be a list of timedelta of zero or more",
        ),
        ({"remind_after": DAY}, "AlertPolicy.remind_after must be a list .*, not timedelta"),
    ],
)
def test_a_policy_has_durations(options, message):
    with pytest.raises(ConfigurationError, match=message):
        AlertPolicy(**options)


# --- The store ---


class CountingLedger(MemoryLedger):
    """Counts writes, and fails on demand."""

    def __init__(self):
        super().__init__()
        self.writes = 0
        self.fails_at = set()

    def read_alerts(self, tenant, location):
        if "read" in self.fails_at:
            raise LedgerUnavailable("locked")
        return super().read_alerts(tenant, location)

    def write_alerts(self, record, state, *, claim_for=None):
        self.writes += 1
        if self.writes in self.fails_at:
            raise LedgerUnavailable("locked")
        return super().write_alerts(record, state, claim_for=claim_for)


def test_a_scan_that_changes_nothing_writes_nothing(inbox):
    ledger = CountingLedger()
    alerts = Alerts(ledger, inbox)
    alerts.send(report())
    assert ledger.writes == 0
    alerts.send(report(OPEN, after=HOUR))
    assert ledger.writes == 2
    alerts.send(report(OPEN, after=2 * HOUR))
    assert ledger.writes == 2


def test_nothing_is_sent_while_the_ledger_cannot_be_used(inbox, caplog):
    ledger = CountingLedger()
    alerts = Alerts(ledger, inbox)
    for failing in ("read", 1):
        ledger.fails_at = {failing}
        result = alerts.send(report(OPEN))
        assert (result.outcome, result.digest, result.error) == (AlertOutcome.NOT_DELIVERED, None, "locked")
    assert inbox.take() == []
    assert {record.message for record in caplog.records} == {"alerts_not_available"}
    alerts.send(report(OPEN, after=HOUR))
    assert inbox.take() == [[("new", "1001")]]


def test_a_message_whose_delivery_was_not_recorded_says_so(inbox, caplog):
    ledger = CountingLedger()
    ledger.fails_at = {2}
    result = Alerts(ledger, inbox).send(report(OPEN))
    assert (result.outcome, result.error) == (AlertOutcome.DELIVERED, "locked")
    assert [record.message for record in caplog.records] == ["alert_not_recorded"]


def test_a_wrong_database_is_a_wrong_setting(inbox):
    class OtherDatabase(MemoryLedger):
        def read_alerts(self, *_key):
            raise InvalidLedger("not a ledger")

    with pytest.raises(InvalidLedger):
        Alerts(OtherDatabase(), inbox).send(report(OPEN))


@pytest.mark.parametrize("state", ["", "{}", "[]", "not JSON", '{"scanned_at": 5, "alerted_at": null, "problems": []}'])
def test_a_state_of_another_release_is_not_used(ledger, inbox, caplog, state):
    ledger.write_alerts(ledger.read_alerts("acme", "s3://prints/in/"), state)
    Alerts(ledger, inbox).send(report(OPEN))
    assert inbox.take() == [[("new", "1001")]]
    assert [record.message for record in caplog.records] == (["alert_state_not_read"] if state else [])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((Inbox(), Inbox()), "Alerts.store must be a SqlLedger, or your own AlertStore, not Inbox"),
        (
            (MemoryLedger(), "https://hooks.example/x"),
            r"Alerts.notifier must be .*Webhook\(url\), not str",
        ),
        ((MemoryLedger(), Inbox), "Alerts.notifier must be an object with a method send .*not the class Inbox"),
        ((MemoryLedger(), AsyncInbox()), "Alerts.notifier must be an object with a method send that is not async"),
    ],
)
def test_a_store_or_a_notifier_of_another_type_is_refused(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        Alerts(*parts)


# --- Several workers ---


def test_of_two_workers_one_sends(ledger, inbox):
    sending, sent = Event(), Event()

    class SlowInbox(Inbox):
        def send(self, digest):
            sending.set()
            assert sent.wait(60)
            super().send(digest)

    slow = SlowInbox()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(Alerts(ledger, slow).send, report(OPEN))
        assert sending.wait(60)
        second = Alerts(ledger, inbox).send(report(OPEN, item("1002"), after=MINUTE))
        sent.set()
        assert first.result().outcome is AlertOutcome.DELIVERED
    assert second.outcome is AlertOutcome.BUSY
    Alerts(ledger, inbox).send(report(OPEN, item("1002"), after=HOUR))
    assert (slow.take(), inbox.take()) == ([[("new", "1001")]], [[("new", "1002")]])


def test_a_worker_that_is_overtaken_before_it_sends_does_not_send(inbox):
    class OvertakenLedger(MemoryLedger):
        def read_alerts(self, tenant, location):
            record = super().read_alerts(tenant, location)
            super().write_alerts(record, "")
            return record

    assert Alerts(OvertakenLedger(), inbox).send(report(OPEN)).outcome is AlertOutcome.BUSY
    assert inbox.take() == []


# --- Data ---


def test_a_digest_is_plain_data(alerts, inbox):
    alerts.send(report(OPEN, faults=(STORAGE_DOWN,)))
    [digest] = inbox.digests
    assert pickle.loads(pickle.dumps(digest)) == digest
    document = digest.to_dict()
    assert [each["problem"].get("part") for each in document["new"]] == ["storage", None]
    assert document["new"][1]["problem"] == OPEN.to_dict()
    assert (document["tenant"], document["scanned_at"]) == ("acme", "2026-05-04T12:00:00+00:00")
    assert document["new"][1]["open_for"] == 0.0
