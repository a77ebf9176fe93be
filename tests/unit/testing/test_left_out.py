"""The end of a run lists what was left out of a client's contract."""

import subprocess
import sys

import pytest

TESTS = """
import pytest
import remote_artwork as ra
from remote_artwork.testing import FakeShop, FulfillmentClientContract

class TestMyShop(FulfillmentClientContract):
    @pytest.fixture
    def client(self):
        return FakeShop([ra.Order(number, [ra.OrderItem("1"), ra.OrderItem("2")]) for number in ("1001", "1002")])

    @pytest.fixture
    def read_names(self, client):
        return lambda order, item: [artwork.name for artwork in client.artwork.get((order.id, item.number), ())]

    LACKS

def test_of_something_else():
    pytest.skip("not of the contract")
"""


DICTIONARY = 'lacks = {"delete": "the shop keeps all orders"}'
FIXTURE = f"""@pytest.fixture
    def lacks(self):
        {DICTIONARY.replace("lacks =", "return")}"""


@pytest.mark.parametrize("lacks", [DICTIONARY, FIXTURE], ids=["dictionary", "fixture"])
def test_the_end_of_a_run_lists_what_was_left_out_and_why(tmp_path, lacks):
    (tmp_path / "test_my_shop.py").write_text(TESTS.replace("LACKS", lacks))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "remote_artwork.testing.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-k", "cancel or delete or something", "test_my_shop.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    printed = done.stdout
    assert done.returncode == 0, printed
    assert "left out of the client's contract" in printed
    lines = printed.splitlines()
    assert "cancel: override the fixture `cancel` to test this (3 tests)" in lines
    assert "delete: the shop keeps all orders (1 test)" in lines
    assert "not of the contract" not in printed
