"""A rendered name matches only its own item; if several items expect it, each gets a conflict before the listing."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from remote_artwork.core.expected import expect_files
from remote_artwork.core.matching import Matches, Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.report import ItemStatus
from remote_artwork.core.text import nfc
from remote_artwork.core.unmatched import UnmatchedClassifier

from .strategies import EXTENSIONS, PATTERNS, order_lists, worlds

BOUNDED = settings(max_examples=300, deadline=None)


def same_products(pattern, orders, item):
    """The other items that a reusable file of this item may be for."""
    return {
        (order.id, other.number)
        for order in orders
        for other in order.items
        if pattern.is_reusable and nfc(other.sku or "") == nfc(item.sku)
    }


def stored(name):
    return StoredFile(name=name, size=1, etag="e")


def taken(awaited, names):
    matches = Matches(awaited)
    misses = matches.add_page(Page(names, lambda position: stored(names[position])))
    return matches, misses


@BOUNDED
@given(PATTERNS, order_lists(), EXTENSIONS, st.sampled_from(["NFC", "NFD"]))
def test_a_rendered_name_matches_its_own_item_and_no_other_or_is_a_conflict_beforehand(
    pattern, orders, extension, form
):
    awaited = expect_files(orders, pattern)
    for order in orders:
        for item in order.items:
            if not item.requires_artwork:
                continue
            key = (order.id, item.number)
            for placement in item.placements:
                try:
                    stem = pattern.render(order, item, placement)
                except ValueError:
                    assert awaited.excluded[key].status is ItemStatus.FAILED
                    continue
                name = f"{unicodedata.normalize(form, stem)}.{extension}"
                matches, misses = taken(awaited, [name])
                assert not misses
                assert not matches.unsupported
                if key in awaited.excluded:
                    assert key not in matches.found
                    assert set(matches.found) <= same_products(pattern, orders, item)
                    assert len(matches.ambiguous) == (0 if matches.found else 1)
                else:
                    assert matches.found[key] == {placement: {name: stored(name)}}
                    assert not matches.ambiguous
                    assert set(matches.found) - {key} <= same_products(pattern, orders, item)
                    assert all(found.keys() == {placement} for found in matches.found.values())


@BOUNDED
@given(PATTERNS, order_lists())
def test_every_item_is_served_for_all_its_placements_or_refused_with_a_reason(pattern, orders):
    awaited = expect_files(orders, pattern)
    served = {(file.key, file.placement) for stem in awaited.by_basename for file in awaited.prints_of(stem)}
    for order in orders:
        for item in order.items:
            key = (order.id, item.number)
            wanted = {(key, placement) for placement in item.placements} if item.requires_artwork else set()
            if key in awaited.excluded:
                assert awaited.excluded[key].reason
                assert not wanted & served
            else:
                assert wanted <= served
    assert not awaited.by_basename.keys() & awaited.ambiguous.keys()
    assert all(nfc(stem) == stem for stem in awaited.by_basename)


@BOUNDED
@given(worlds())
def test_every_name_is_a_hit_or_a_miss_once(world):
    awaited = expect_files(world.orders, world.pattern)
    matches, misses = taken(awaited, world.names)
    found = [name for item in matches.found.values() for side in item.values() for name in side]
    assert world.pattern.is_reusable or len(found) == len(set(found))
    hits = [*set(found), *matches.unsupported, *(name for name, _ in matches.ambiguous)]
    assert sorted(hits + misses) == sorted(world.names)


@BOUNDED
@given(worlds())
def test_a_suggestion_is_a_name_that_would_be_found_and_is_no_name_that_is_refused(world):
    awaited = expect_files(world.orders, world.pattern)
    watch = UnmatchedClassifier(world.pattern, awaited, world.orders)
    _, misses = taken(awaited, world.names)
    for name in misses:
        outcome = watch.classify(name, {})
        assert outcome.reason
        if outcome.suggestion:
            matches, left = taken(awaited, [outcome.suggestion])
            assert not left
            assert len(matches.found) == 1 or (matches.found and world.pattern.is_reusable)
