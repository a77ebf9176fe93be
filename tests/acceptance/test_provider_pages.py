"""What docs/how-to/providers/ promises is so: its URLs, credentials files and prices."""

import re
import shlex

import pytest

import remote_artwork as ra
from provider_pages import HOW_TO, PAGES, blocks, documented_urls
from remote_artwork.cli.options import read_credentials
from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.provider_table import FILE, MEMORY, PROVIDERS

URLS = [
    pytest.param(provider, url, said, id=f"{page}: {url}")
    for page, provider, content in blocks("urls")
    for url, said in documented_urls(content)
]


@pytest.mark.parametrize(("provider", "url", "said"), URLS)
def test_a_url_is_read_as_its_page_says(provider, url, said):
    mark, _, expected = said.partition(" ")
    if mark == "✗":
        with pytest.raises(InvalidLocation, match=re.escape(f"cannot be used: {expected}")):
            ra.Location.parse(url)
        return
    location = ra.Location.parse(url)
    assert (mark, str(location)) == ("→", expected)
    assert location.provider == provider
    assert ra.Location.parse(expected) == location


@pytest.mark.parametrize("page", HOW_TO)
def test_every_page_shows_how_the_urls_of_its_providers_are_read(page):
    facts = re.findall(r"```\{provider\} (.+)\n```", PAGES[page])
    assert len(facts) == 1
    shown = {provider for _, provider, content in blocks("urls", [page]) if "→" in content}
    assert set(facts[0].split()) <= shown


def test_every_row_of_the_table_has_a_page_and_every_page_a_line_in_the_index():
    described = [
        name
        for text in PAGES.values()
        for facts in re.findall(r"```\{provider\} (.+)\n", text)
        for name in facts.split()
    ]
    assert sorted(described) == sorted(row.id for row in PROVIDERS.built_in if row not in (FILE, MEMORY))
    table = PAGES["index"].partition("\n## ")[0]
    assert sorted(set(re.findall(r"^\|.*\]\((\w+)\.md\)", table, re.MULTILINE))) == sorted(HOW_TO)


CREDENTIALS = [pytest.param(name, content, id=f"{page}: {name}") for page, name, content in blocks("credentials")]


@pytest.mark.parametrize(("name", "content"), CREDENTIALS)
def test_the_command_line_reads_a_credentials_file_as_its_page_shows_it(name, content, tmp_path):
    path = tmp_path / "credentials.json"
    path.write_text(content, encoding="utf-8")
    assert isinstance(read_credentials(str(path)), getattr(ra, name))


@pytest.mark.parametrize("page", HOW_TO)
def test_the_line_to_check_names_a_url_and_a_credentials_file_of_its_page(page):
    [line] = re.findall(r"^remote-artwork (check .*)$", PAGES[page], re.MULTILINE)
    _, url, *option = shlex.split(line)
    assert ra.Location.parse(url).provider in {provider for _, provider, _ in blocks("urls", [page])}
    if blocks("credentials", [page]):
        assert option[0] == "--credentials"
        assert f"`{option[1]}`" in PAGES[page]
    else:
        assert option == []


def test_the_costs_are_what_their_arithmetic_gives():
    rows = re.findall(r"^\| ([^|]+?) \| \$([\d.]+) \| \$([\d.]+) \| \$([\d.]+) \|$", PAGES["index"], re.MULTILINE)
    costs = {title.partition(" (")[0]: tuple(map(float, prices)) for title, *prices in rows}
    assert len(costs) == len(rows) == 6
    # Each of the 1,000 files costs one LIST request (for a second file with its name) and four HEAD and GET requests;
    # three on Google Cloud Storage. See test_file_costs.py.
    listed = 730 * 10_000 / 1_000 + 1_000
    for title, (list_price, get_price, month) in costs.items():
        looked = 1_000 * (3 if title == "Google Cloud Storage" else 4)
        assert month == pytest.approx(listed / 1_000 * list_price + looked / 1_000 * get_price, abs=0.00006)
    for row in PROVIDERS.built_in:
        if row.list_price is not None:
            assert costs[row.title][0] == row.list_price
        if row.get_price is not None:
            assert costs[row.title][1] == row.get_price


def test_the_costs_on_the_pages_are_those_of_the_index():
    month = dict(
        re.findall(
            r"^\| ([^|(]+?)(?: \([^|]*)? \| \$[\d.]+ \| \$[\d.]+ \| (\$[\d.]+) \|$", PAGES["index"], re.MULTILINE
        )
    )
    assert f"= {month['Amazon S3']} a month" in PAGES["amazon_s3"]
    assert f"= {month['Google Cloud Storage']} a month" in PAGES["google_cloud_storage"]
    for title in ("Cloudflare R2", "Backblaze B2"):
        assert f"= {month[title]}" in PAGES["other_s3"]
