"""The compatibility page equals the results of this run. The name makes it run last in this folder."""

from pathlib import Path

import pytest
from compat import table
from compat.stand_ins import CONTRACT, SETUPS

from remote_artwork.storage.provider_table import PROVIDERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
PROMISED = ["aws", "gcs", "azure", "digitalocean", "zadara", "ibm", "minio", "idrive", "wasabi"]


def test_every_promised_provider_is_tested():
    assert list(SETUPS) == PROMISED


@pytest.mark.parametrize("provider", SETUPS)
def test_the_provider_table_names_the_test_servers(provider):
    row = PROVIDERS.get(provider)
    assert row.verified_by == ", ".join(SETUPS[provider].servers)
    assert row.verified != "not"


def test_the_page_equals_the_results_of_this_run(outcomes, request):
    ran = [row for row in table.rows(outcomes) if table.NOT_RUN not in ", ".join(row)]
    if len(ran) == 1:
        pytest.skip("the tests that the table is made from were not run")
    assert [row for row in ran if table.FAILED in ", ".join(row)] == []
    all_ran = len(ran) == 1 + len(CONTRACT)
    if all_ran and request.config.getoption("--write-page", default=False):
        PAGE.write_text(table.page(outcomes), encoding="utf-8")
    kept = PAGE.read_text(encoding="utf-8")
    stale = [line for row in ran for line in table.lines_of(row) if line not in kept]
    assert stale == [], "make it again: nox --session compat"
    if all_ran:
        assert kept == table.page(outcomes)
