"""The command that a reason names is one that works, as it stands, in a shell."""

import re
import shlex

import pytest
from typer.testing import CliRunner

import remote_artwork as ra
from remote_artwork.cli.app import app
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.testing import FakeShop
from shop_files import JPEG, memory_folder

LOST = ra.OutcomeUnknown("no answer")


class Case:
    """A shop that loses the answer of each fulfill call, of one tenant."""

    def __init__(self, root, home, *orders, tenant="default"):
        self.url, self.tenant = f"sqlite:///{home / 'ledger.db'}", tenant
        self.shop = FakeShop([], recovery=ra.Recovery.NONE)
        self.root = root
        self.files, storage = memory_folder(root)
        self.scanner = ra.Scanner(storage, self.shop, ledger=ra.SqlLedger(self.url), tenant=tenant)
        self.commands = [self.command_of(order) for order in orders]

    def command_of(self, order):
        self.files.pipe(f"{self.root}/{order.number}_1.jpg", JPEG + order.id.encode())  # each order's own
        self.shop.put(order)
        self.shop.fail_next("fulfill", LOST, after_effect=True)
        [item] = [item for item in self.scanner.scan().items if item.order_id == order.id]
        self.shop.delete(order.id)
        named = re.fullmatch(
            r"(?s).*; check the order in the shop, then record what happened: (.*) \(or --not-fulfilled\); "
            "add the --ledger or --orders-file of your scans",
            item.reason,
        )
        return named[1]

    def run(self, command):
        program, *arguments = shlex.split(command)
        assert program == "remote-artwork"
        # A ledger is named in front: behind a lone "--" nothing is an option.
        return CliRunner().invoke(app, [*arguments[:2], "--ledger", self.url, *arguments[2:]])

    @property
    def states(self):
        return {record.key.order_id: record.state for record in ra.SqlLedger(self.url).find(self.tenant)}


def order(number, **fields):
    return ra.Order(number, [ra.OrderItem("1")], **fields)


ORDERS = [
    order("1001"),
    order("1001", approval="v2"),
    order("1001", id="gid://shop/Order/7"),
    order("#1001"),
    order("-7"),
    order("--help"),
    order("12 $(x) 'a'", id="-1", approval='the "second"'),
]


@pytest.mark.parametrize(
    ("wanted", "tenant"), [*((wanted, "default") for wanted in ORDERS), (ORDERS[0], "acme"), (ORDERS[-1], "-a b")]
)
def test_the_command_in_the_reason_resolves_that_order(root, tmp_path, wanted, tenant):
    case = Case(root, tmp_path, wanted, tenant=tenant)
    for command in case.commands:
        ended = case.run(command)
        assert ended.exit_code == 0, ended.output
    assert case.states == {wanted.id: FulfillState.FULFILLED}


def test_an_ordinary_order_is_resolved_by_its_number_alone(root, tmp_path):
    assert Case(root, tmp_path, order("1001")).commands == ["remote-artwork ledger resolve 1001 --fulfilled"]


def test_two_orders_with_one_number_are_resolved_by_their_own_commands(root, tmp_path):
    case = Case(root, tmp_path, order("1001", id="A"), order("1001", id="B"))
    for command, states in zip(case.commands, [("fulfilled", "uncertain"), ("fulfilled", "fulfilled")], strict=True):
        assert case.run(command).exit_code == 0
        assert (case.states["A"], case.states["B"]) == states


def test_a_number_that_several_orders_have_is_refused_with_a_command_for_each_that_works(root, tmp_path):
    case = Case(root, tmp_path, order("1001"), order("1001", id="B"))
    refused = case.run("remote-artwork ledger resolve 1001 --fulfilled")
    assert refused.exit_code == 2
    named = "".join(refused.output.split("choose one: ")[1]).strip().split("; or ")
    assert set(case.states.values()) == {"uncertain"}
    assert [case.run(command).exit_code for command in named] == [0, 0]
    assert set(case.states.values()) == {"fulfilled"}


def test_an_unknown_approval_or_id_is_refused(root, tmp_path):
    case = Case(root, tmp_path, order("1001"))
    for option in ("--approval=v9", "--id=B"):
        refused = case.run(f"remote-artwork ledger resolve 1001 --fulfilled {option}")
        assert (refused.exit_code, "no uncertain order" in refused.output) == (2, True)
    assert case.states == {"1001": FulfillState.UNCERTAIN}
