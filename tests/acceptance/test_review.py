"""Review before sending: an order waits until a person accepts its very files."""

import asyncio
import json
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from typer.testing import CliRunner

import remote_artwork as ra
from remote_artwork.cli.app import app
from remote_artwork.cli.ledger import describe
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.review import is_released
from remote_artwork.fulfillment.review import accept_files
from remote_artwork.ledgers import FileRecord, ItemState
from remote_artwork.reports import ItemStatus
from remote_artwork.testing import FakeShop, Faults, FaultyClient
from shop_files import PDF, memory_folder

OTHER_PDF = PDF + b"\n"
WAITS = ItemStatus.AWAITING_REVIEW


class Desk:
    """A shop with one order of two items and their files, and a scanner whose policy demands a review."""

    def __init__(self, root, url, policy=None, ledger=None, clock=None, **promises):
        self.root, self.url = root, url
        self.files, self.storage = memory_folder(root, "1_1.pdf", "1_2.pdf")
        self.shop = FakeShop([ra.Order("1", [ra.OrderItem("1"), ra.OrderItem("2")])], **promises)
        self.ledger = ledger or ra.SqlLedger(url)
        self.faults = Faults()
        self.policy = policy or ra.Policy(review=True)
        self.clock = clock or (lambda: datetime.now(UTC))

    @property
    def scanner(self):
        client = FaultyClient(self.shop, self.faults)
        return ra.Scanner(self.storage, client, ledger=self.ledger, policy=self.policy, clock=self.clock)

    def replace(self, name="1_1.pdf", data=OTHER_PDF):
        self.files.pipe(f"{self.root}/{name}", data)

    def scan(self):
        return self.scanner.scan().items

    def digest(self):
        [digest] = {item.details["digest"] for item in self.scan()}
        return digest

    def accept(self, digest, by="ann"):
        self.scanner.accept("1", files=digest, by=by)

    def statuses(self):
        return [item.status for item in self.scan()]

    @property
    def row(self):
        [record] = self.ledger.find("default")
        return record

    def calls(self):
        return [call.name for name in ("attach_artwork", "attach_order", "fulfill") for call in self.shop.calls(name)]


@pytest.fixture
def desk(root, tmp_path):
    return Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}")


def test_nothing_is_attached_or_sent_before_a_person_accepts_the_files(desk):
    report = desk.scanner.scan()
    assert [item.status for item in report.items] == [WAITS, WAITS]
    assert all(item.needs_person for item in report.items)
    assert report.exit_code == 1
    assert desk.calls() == []
    assert {row.state for row in desk.row.items.values()} == {ItemState.VERIFIED}


def test_an_accepted_order_is_sent_with_these_files(desk):
    digest = desk.digest()
    desk.accept(digest)
    assert (desk.row.review_files, desk.row.accepted_by) == (digest, "ann")
    assert desk.statuses() == ["fulfilled", "fulfilled"]
    assert desk.row.accepted_by == "ann"


def test_the_digest_stays_the_same_in_every_scan_and_process(desk):
    digest = desk.digest()
    desk.ledger = ra.SqlLedger(desk.url)
    assert desk.digest() == digest


def test_an_acceptance_survives_a_restart(desk):
    desk.accept(desk.digest())
    desk.ledger = ra.SqlLedger(desk.url)
    assert desk.statuses() == ["fulfilled", "fulfilled"]


def test_a_file_that_is_replaced_after_the_acceptance_asks_again(desk):
    first = desk.digest()
    desk.accept(first)
    desk.replace()
    items = desk.scan()
    assert [item.status for item in items] == [WAITS, WAITS]
    assert "ann accepted other files; they were replaced since" in items[0].reason
    assert (desk.row.accepted_by, desk.calls()) == ("", [])
    with pytest.raises(ra.ConfigurationError, match="a file may have been replaced since"):
        desk.accept(first)
    desk.accept(desk.digest(), by="bob")
    assert desk.statuses() == ["fulfilled", "fulfilled"]


@pytest.mark.parametrize("attaching", ra.Attaching)
@pytest.mark.parametrize("fulfill", ["when_complete", "per_item"])
def test_a_file_that_is_replaced_just_before_the_call_is_not_sent(root, tmp_path, attaching, fulfill):
    policy = ra.Policy(review=True, fulfill=fulfill)
    desk = Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}", policy, attaching=attaching)
    desk.accept(desk.digest())
    desk.storage.concurrent_reads = False  # otherwise the files are looked at while the order is read
    last = 1 if attaching is ra.Attaching.WITH_FULFILL else 2
    desk.faults.intercept("client.get_order", desk.replace, number=last)
    assert desk.statuses() == [WAITS, WAITS]
    assert "fulfill" not in desk.calls()
    assert desk.row.accepted_by == ""


def test_an_incomplete_order_attaches_nothing_before_the_review(root, tmp_path):
    desk = Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}", ra.Policy(review=True, fulfill="per_item"))
    desk.files.rm(f"{desk.root}/1_2.pdf")
    assert desk.statuses() == ["matched", "missing"]
    assert desk.calls() == []


def test_a_dry_run_shows_what_would_wait(desk):
    def plan(**options):
        return {(item.status, item.code) for item in desk.scanner.plan(**options).items}

    assert plan() == plan(verify=True) == {(WAITS, "will_await_review")}
    digest = desk.digest()
    assert plan() == {(WAITS, "awaiting_review")}
    desk.accept(digest)
    assert plan() == {("matched", "found")}
    desk.replace()
    assert plan() == {(WAITS, "will_await_review")}
    desk.files.rm(f"{desk.root}/1_2.pdf")
    assert plan() == {("matched", "found"), ("missing", "waiting_for_files")}


def test_a_refusal_names_the_order_by_its_number(root):
    _, storage = memory_folder(root, "1001_1.png")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")], id="7f3a")])
    scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), policy=ra.Policy(review=True))
    scanner.scan()
    with pytest.raises(ra.ConfigurationError, match=r"^order 1001: the digest 0 is not that of its files"):
        scanner.accept("7f3a", files="0", by="ann")


@pytest.mark.parametrize(
    ("files", "by", "message"),
    [
        ("0" * 64, "ann", "the digest 0+ is not that of its files"),
        (None, " ", "the name of the person who accepts the files is empty"),
    ],
)
def test_an_acceptance_is_refused(desk, files, by, message):
    digest = desk.digest()
    with pytest.raises(ra.ConfigurationError, match=message):
        desk.accept(files or digest, by)
    assert desk.row.accepted_by == ""


def test_an_order_that_does_not_wait_cannot_be_accepted(desk):
    with pytest.raises(ra.ConfigurationError, match="order 1 does not wait for a review"):
        desk.accept("0" * 64)
    digest = desk.digest()
    desk.accept(digest)
    desk.scan()
    with pytest.raises(ra.ConfigurationError, match="order 1 is already fulfilled"):
        desk.accept(digest)


def test_an_order_cannot_be_accepted_while_a_scan_processes_it(desk):
    digest, refused = desk.digest(), []

    def accept():
        with pytest.raises(ra.ConfigurationError, match="a scan is processing order 1; try again"):
            ra.Scanner(desk.storage, desk.shop, ledger=desk.ledger).accept("1", files=digest, by="bob")
        refused.append(digest)

    desk.accept(digest)
    desk.faults.intercept("client.fulfill", accept)
    desk.scan()
    assert refused


def test_a_call_that_is_repeated_needs_an_acceptance_too(root, tmp_path):
    desk = Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}", ra.Policy(), call_limit=timedelta(milliseconds=1))
    desk.shop.fail_next("fulfill", ra.OutcomeUnknown("no answer"))
    desk.scan()
    assert desk.row.state == "fulfill_intent"
    desk.policy = ra.Policy(review=True)
    before = len(desk.calls())
    digest = desk.digest()
    assert len(desk.calls()) == before
    desk.accept(digest)
    desk.scan()
    assert len(desk.calls()) > before


def test_files_that_are_old_enough_are_released(root, tmp_path):
    now = [datetime.now(UTC)]
    policy = ra.Policy(review=True, release_after=timedelta(hours=4))
    desk = Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}", policy, clock=lambda: now[0])
    assert desk.statuses() == [WAITS, WAITS]
    now[0] += timedelta(hours=3)
    assert desk.statuses() == [WAITS, WAITS]
    now[0] += timedelta(hours=2)
    assert desk.statuses() == ["fulfilled", "fulfilled"]
    assert desk.row.accepted_by == "Policy.release_after"


def test_a_dry_run_and_an_explanation_know_of_the_release(root, tmp_path):
    now = [datetime.now(UTC)]
    policy = ra.Policy(review=True, release_after=timedelta(hours=4))
    desk = Desk(root, f"sqlite:///{tmp_path / 'ledger.db'}", policy, clock=lambda: now[0])

    def planned():
        report = desk.scanner.plan()
        return {(item.status, tuple(reason.code for reason in item.reasons)) for item in report.items}

    assert planned() == {(WAITS, ("will_await_review",))}
    now[0] += timedelta(hours=5)
    assert planned() == {("matched", ("found", "may_be_released"))}
    assert "older than 4 hours" in desk.scanner.plan().items[0].reason
    now[0] -= timedelta(hours=5)
    assert desk.statuses() == [WAITS, WAITS]
    assert planned() == {(WAITS, ("awaiting_review", "accept"))}
    now[0] += timedelta(hours=5)
    assert planned() == {("matched", ("found",))}
    assert desk.scanner.explain(order="1").because.code == "order_complete"
    assert desk.statuses() == ["fulfilled", "fulfilled"]


def test_the_policy_refuses_a_release_without_a_review():
    with pytest.raises(ra.ConfigurationError, match="set review=True, or remove it"):
        ra.Policy(release_after=timedelta(hours=1))
    with pytest.raises(ra.ConfigurationError, match="must be True or False"):
        ra.Policy(review=1)


def test_an_explanation_of_the_order_says_that_it_waits(desk):
    assert "then a person must accept them" in str(desk.scanner.explain(order="1"))
    digest = desk.digest()
    assert f"--files={digest}" in str(desk.scanner.explain(order="1"))
    desk.accept(digest)
    assert "accept" not in str(desk.scanner.explain(order="1"))


def test_the_contact_sheet_shows_the_digest(desk, tmp_path):
    report = desk.scanner.scan()
    report.to_html(tmp_path / "sheet.html")
    assert report.items[0].details["digest"] in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_files_that_a_scan_finds_while_they_are_accepted_are_not_accepted(desk):
    digest = desk.digest()
    before = list(desk.ledger.find("default"))
    desk.replace()
    desk.scan()
    with pytest.raises(ra.ConfigurationError, match="compare the files with the order again"):
        accept_files(desk.ledger, before, order="1", files=digest, by="ann")
    assert desk.row.accepted_by == ""
    desk.accept(desk.digest())  # the lease was given back


FILE = StoredFile(name="1_1.pdf", size=3, etag="e", last_modified=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("found", "sha256", "released"),
    [
        (FILE, "ab", True),
        (FILE, None, False),
        (evolve(FILE, version_id="v1"), None, True),
        (evolve(FILE, last_modified=None), "ab", False),
        (evolve(FILE, last_modified=datetime(2026, 1, 2, tzinfo=UTC)), "ab", False),
    ],
)
def test_only_an_old_file_that_is_certainly_known_is_released(found, sha256, released):
    records = {"1": [FileRecord.of("default", found, sha256)]}
    now, hour = datetime(2026, 1, 1, 1, tzinfo=UTC), timedelta(hours=1)
    assert is_released(records, {"1": {"default": found}}, after=hour, now=now) == released
    assert not is_released(records, {"1": {"default": evolve(found, etag="other")}}, after=hour, now=now)
    assert not is_released(records, {}, after=hour, now=now)
    assert not is_released(records, {"1": {"default": found}}, after=None, now=now)


class Terminal:
    """The command line in a folder with one order and its file."""

    def __init__(self, folder):
        self.orders, self.prints = folder / "orders.json", folder / "prints"
        self.prints.mkdir()
        (self.prints / "-7_1.pdf").write_bytes(PDF)
        order = {"number": "-7", "id": "o 7", "status": "pending_approval", "items": [{"number": "1"}]}
        self.orders.write_text(json.dumps({"orders": [order]}))

    def run(self, *words):
        return CliRunner().invoke(app, [*words, "--orders-file", str(self.orders)])

    def scan(self):
        return self.run("scan", self.prints.as_uri(), "--settle-for", "none", "--review", "--json")


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path)


def test_an_operator_accepts_with_the_command_of_the_report(terminal):
    scanned = terminal.scan()
    assert scanned.exit_code == 1
    reason = json.loads(scanned.output)["items"][0]["reason"]
    assert "waits" in terminal.run("ledger", "list").output
    command = reason.partition("remote-artwork ")[2].partition(";")[0].replace("NAME", "ann")
    first, *rest = shlex.split(command)
    accepted = CliRunner().invoke(app, [first, "--orders-file", str(terminal.orders), *rest])
    assert (accepted.exit_code, accepted.output) == (
        0,
        "The files of order -7 are accepted. The next scan sends the order.\n",
    )
    assert "accepted by ann" in " ".join(terminal.run("ledger", "list").output.split())
    assert terminal.scan().exit_code == 0


def test_a_command_that_the_report_prints_can_be_copied(terminal):
    printed = terminal.run("scan", terminal.prints.as_uri(), "--settle-for", "none", "--review").output
    [command] = [line for line in printed.splitlines() if line.startswith("remote-artwork accept")]
    accepted = CliRunner().invoke(app, shlex.split(command)[1:])
    assert accepted.output == "The files of order -7 are accepted. The next scan sends the order.\n"


def test_the_command_line_refuses_another_digest(terminal):
    terminal.scan()
    options = ["--orders-file", str(terminal.orders), "--files", "0", "--by", "ann", "--", "-7"]
    refused = CliRunner().invoke(app, ["accept", *options])
    assert refused.exit_code == 2
    assert "the digest 0 is not that of its files" in " ".join(refused.output.split())


def test_the_ledger_shows_who_is_awaited_and_who_accepted(desk):
    digest = desk.digest()
    assert f"then run remote-artwork accept 1 --by=NAME --files={digest}" in describe(desk.row)
    desk.accept(digest)
    assert "files accepted by: ann" in describe(desk.row)
    assert "remote-artwork accept" not in describe(desk.row)


def test_an_async_service_accepts_too(desk):
    digest = desk.digest()
    service = ra.AsyncScanner(desk.storage, desk.shop, ledger=desk.ledger, policy=desk.policy)
    asyncio.run(service.accept("1", files=digest, by="ann"))
    assert desk.row.accepted_by == "ann"
