import itertools

import pytest

from print_desk_app import EVIL, desk_in
from shop_files import JPEG, PDF, PNG

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """A desk with the default settings: no private networks."""
    with desk_in(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@pytest.fixture
def local_desk(tmp_path):
    """A new desk that may connect to servers on this machine."""
    with desk_in(tmp_path, PRINT_DESK_ALLOW_PRIVATE="1") as desk:
        yield desk


@pytest.fixture
def bucket(s3_server):
    bucket = s3_server.create_bucket(f"desk-{next(numbers)}", versioned=True)
    for name, content in {
        "1001_1.jpg": JPEG,
        "1001_2.png": PNG,
        "1002-1.pdf": PDF,
        "1003_1.pdf": PNG,
        f"1005_1{EVIL}.png": PNG,
    }.items():
        s3_server.put(bucket, f"in/{name}", content)
    return bucket


@pytest.fixture
def page(browser):
    browser.get("about:blank")
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return browser
