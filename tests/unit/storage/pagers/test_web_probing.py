"""Which names are asked for, of a server that is no more than a function here."""

from collections import Counter

import pytest

from remote_artwork.core.expected import SearchQuery
from remote_artwork.errors import StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.backends.web import AT_ONCE, PATIENCE, Answer, Probing, spellings


def probing(answer):
    """A probing, and how often each name was asked for; ``answer`` gives a status or raises."""
    asked = Counter()

    def look(name):
        asked[name] += 1
        return Answer(status=answer(name), headers={})

    return Probing(where="https://host/in/", look=look, describe=lambda name, _: {"size": len(name)}), asked


def run(probe, *stems, names=()):
    parts = list(probe.run(SearchQuery(stems=stems, names=names)))
    return [name for part in parts for name, _ in part.entries], {k: v for p in parts for k, v in p.unknown.items()}


def test_a_name_is_spelled_in_small_letters_and_capitals_and_in_both_forms_of_its_letters():
    assert spellings("1") == ["1.jpg", "1.jpeg", "1.png", "1.pdf", "1.JPG", "1.JPEG", "1.PNG", "1.PDF"]
    assert set(spellings("é")) == {f"{e}{name[1:]}" for e in ("é", "e\u0301") for name in spellings("1")}


def test_nothing_wanted_asks_nothing():
    probe, asked = probing(lambda _: 404)
    assert run(probe) == ([], {})
    assert not asked


def test_names_besides_are_asked_for_once():
    probe, asked = probing(lambda _: 404)
    run(probe, "1", names=["1.jpg", "other.txt"])
    assert asked == dict.fromkeys([*spellings("1"), "other.txt"], 1)


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
    assert PATIENCE < asked.total() <= PATIENCE + AT_ONCE


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
    assert "capitals for small letters" in unknown["a.jpg"]


def test_capitals_and_small_letters_that_are_two_files_stay_two():
    probe, _ = probing(lambda name: 200 if name in ("1.jpg", "1.JPG") else 404)
    assert run(probe, "1") == (["1.jpg", "1.JPG"], {})
