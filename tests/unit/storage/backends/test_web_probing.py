"""Which names are asked for, of a server that is no more than a function here."""

from collections import Counter

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import StorageMisbehaved, StorageUnreachable
from remote_artwork.http import Response
from remote_artwork.storage.backends.web import MAX_CONCURRENT_PROBES, MAX_UNREACHABLE, NameProbe, names_of


def probing(answer):
    """A probe, and how often each name was requested; ``answer`` gives a status or raises."""
    asked = Counter()

    def request(name):
        asked[name] += 1
        return Response(status=answer(name), headers={"content-length": "1", "etag": "e"}, body=b"")

    return NameProbe("https://host/in/", request), asked


def run(probe, *stems, names=()):
    pages = list(probe.run(SearchQuery(stems=stems, names=names)))
    return [name for page in pages for name in page.names], {k: v for page in pages for k, v in page.unknown.items()}


def test_a_name_is_spelled_in_small_letters_and_capitals_and_in_both_forms_of_its_letters():
    assert names_of("1") == ["1.jpg", "1.jpeg", "1.png", "1.pdf", "1.JPG", "1.JPEG", "1.PNG", "1.PDF"]
    assert set(names_of("é")) == {f"{e}{name[1:]}" for e in ("é", "e\u0301") for name in names_of("1")}


def test_nothing_wanted_asks_nothing():
    probe, asked = probing(lambda _: 404)
    assert run(probe) == ([], {})
    assert not asked


def test_names_besides_are_asked_for_once():
    probe, asked = probing(lambda _: 404)
    run(probe, "1", names=["1.jpg", "other.txt"])
    assert asked == dict.fromkeys([*names_of("1"), "other.txt"], 1)


def test_one_canary_an_extension_stands_for_all_hits():
    probe, asked = probing(lambda name: 200 if len(name) < 9 and name.endswith("jpg") else 404)
    hits, _ = run(probe, *map(str, range(600)))
    assert hits == [f"{number}.jpg" for number in range(600)]
    assert asked.total() == 600 * 8 + 1


def test_a_server_that_does_not_come_back_is_given_up_after_a_few_files():
    def never(_name):
        raise StorageUnreachable("later")

    probe, asked = probing(never)
    with pytest.raises(StorageUnreachable):
        run(probe, *map(str, range(600)))
    assert MAX_UNREACHABLE < asked.total() <= MAX_UNREACHABLE + MAX_CONCURRENT_PROBES


def test_a_file_without_a_clear_answer_is_unknown_and_its_siblings_are_found():
    def one_is_odd(name):
        if name == "2.png":
            raise StorageMisbehaved("odd")
        return 200 if name in ("1.jpg", "2.jpg") else 404

    probe, _ = probing(one_is_odd)
    assert run(probe, "1", "2") == (["1.jpg"], {"2.png": "odd"})


def test_no_clear_answer_for_any_file_is_an_error_of_the_whole():
    def odd(_name):
        raise StorageMisbehaved("odd")

    probe, _ = probing(odd)
    with pytest.raises(StorageMisbehaved, match="odd"):
        run(probe, *map(str, range(40)))


def test_two_awaited_names_that_a_server_takes_for_one_are_both_unknown():
    probe, _ = probing(lambda name: 200 if name.lower() in ("a.jpg", "1.jpg") else 404)
    hits, unknown = run(probe, "1", "A", "a")
    assert hits == ["1.jpg"]
    assert set(unknown) == {"A.jpg", "a.jpg"}
    assert "ignores upper and lower case" in unknown["a.jpg"]


def test_capitals_and_small_letters_that_are_two_files_stay_two():
    probe, _ = probing(lambda name: 200 if name in ("1.jpg", "1.JPG") else 404)
    assert run(probe, "1") == (["1.jpg", "1.JPG"], {})
