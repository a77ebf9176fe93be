"""Whatever the scans see and however often a delivery fails, every problem is reported once and resolved once."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from alert_reports import DAY, HOUR, Inbox, item, report, reported
from remote_artwork.alerts import AlertPolicy, Alerts
from remote_artwork.core.reasons import reason
from remote_artwork.core.report import ItemStatus
from remote_artwork.ledgers import MemoryLedger

ORDERS = ("1001", "1002")
OUTCOMES = {
    "open": item("", ItemStatus.REJECTED),
    "done": item("", ItemStatus.FULFILLED),
    "stopped": item("", ItemStatus.MATCHED, because=reason("stopped")),
}
AGES = (DAY, 3 * DAY)

scans = st.lists(
    st.tuples(
        st.fixed_dictionaries({number: st.sampled_from([*OUTCOMES, "not asked for"]) for number in ORDERS}),
        st.sampled_from([HOUR, 5 * HOUR, DAY]),  # until the next scan
        st.booleans(),  # whether a message can be delivered
    ),
    max_size=20,
)


@given(scans)
@settings(max_examples=100, deadline=None)
def test_every_problem_is_reported_once_and_resolved_once(history):
    ledger, inbox, after = MemoryLedger(), Inbox(), 0 * HOUR
    alerts = Alerts(ledger, inbox, policy=AlertPolicy(remind_after=AGES))
    heard = defaultdict(list)  # order → what was reported since it was resolved last
    last_seen = {}
    for states, pause, delivers in history:
        asked = [number for number in ORDERS if states[number] != "not asked for"]
        items = [
            item(number, OUTCOMES[states[number]].status, because=OUTCOMES[states[number]].because) for number in asked
        ]
        last_seen |= {number: states[number] for number in asked if states[number] != "stopped"}
        inbox.refuses = 0 if delivers else 1
        result = alerts.send(report(*items, orders=tuple(asked), after=after))
        after += pause
        for kind, number in (event for digest in inbox.take() for event in digest):
            assert last_seen[number] == ("done" if kind == "resolved" else "open")
            assert (kind == "new") == (not heard[number])
            assert kind != "reminders" or states[number] == "open"
            heard[number] = [] if kind == "resolved" else [*heard[number], kind]
            assert len(heard[number]) <= 1 + len(AGES)
        if delivers:  # nobody has to wait for another scan
            assert {number for number, events in heard.items() if events} == {
                number for number, state in last_seen.items() if state == "open"
            }
            assert {number for kind, number in reported(result.digest) if kind == "new"} <= set(heard)
