"""Probing: one request for each name that an expected file may have, in a folder without a listing.

What a response proves depends on how the server responds to names that cannot exist. A search therefore also requests
random names that look like the names they stand for: same form, same extension.

- Found: HTTP 200 or 206, unless the server reports a random name of the same form and extension as existing, too.
- Missing: HTTP 404 or 410. At the end of a search, a file that was found is requested again. If the server no longer
  has it, its responses contradict each other and prove nothing.
- HTTP 403 counts as missing only if the server never responded with 404, responds with 403 to a random name of every
  extension, and has sent at least one file. Otherwise it may be a rule, a private file or a firewall.
- Everything else is unknown: the item is ``unreadable``.
"""

from __future__ import annotations

import re
import secrets
import string
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from urllib.parse import urljoin

from attrs import define, evolve, field, frozen

from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.reasons import reason
from remote_artwork.core.text import spellings
from remote_artwork.errors import StorageDenied, StorageError, StorageMisbehaved, StorageUnreachable
from remote_artwork.http import Response
from remote_artwork.storage.backends.base import Capability, ListingTimeout
from remote_artwork.storage.backends.web_files import OtherFile, file_from_response, last_segment
from remote_artwork.storage.backends.web_requests import CachedResponse
from remote_artwork.storage.errors import from_exception
from remote_artwork.storage.url_syntax import percent_encode

MAX_CONCURRENT_PROBES = 16
"""Files whose names are requested at the same time."""

MAX_UNREACHABLE = 3
"""Files without a response, after which the whole server counts as unreachable."""

CAVEAT = reason("private_looks_missing")
"""Added to the reason of each missing file if the server responds with HTTP 403 to every random name."""

EXISTS = (200, 206)
ABSENT = (404, 410)

_BATCH = 512
_EXTENSIONS = (*MEDIA_TYPES, *(extension.upper() for extension in MEDIA_TYPES))


def names_of(stem: str) -> list[str]:
    """The names that a file may have: as given, in NFC and in NFD, with each extension in lower and upper case."""
    return [f"{form}.{extension}" for form in sorted(spellings(stem)) for extension in _EXTENSIONS]


# Random names

_RANDOM_NAMES = 5
"""A random name may exist by chance. Only if this many exist does the server report every name as existing."""

_CLOSE_NAMES = 2
"""If this many names that differ in one number have the same file as the expected name, it is a placeholder."""

_FEW_DIGITS = 4


def shape_of(stem: str) -> str:
    """The form of a name: digits and letters are replaced by one digit and one letter each."""
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "0", stem)))


def lookalike(stem: str, attempt: int = 0) -> str:
    """A random name of the same form. Only digits differ; letters differ if there are no digits.

    Args:
        stem: The name that it stands for.
        attempt: How many random names exist already. In the first ``_CLOSE_NAMES``, only the longest number differs: a
            server may have a fallback for names that end in ``_1``. In later ones all numbers differ, and are longer if
            there are few digits: in a full folder, a name that differs in one number often exists.
    """
    if not re.search(r"[0-9]", stem):
        letters = re.sub(r"[a-z]", _random(string.ascii_lowercase), stem)
        other = re.sub(r"[A-Z]", _random(string.ascii_uppercase), letters)
        return other if other != stem else f"{stem}{secrets.token_hex(4)}"
    numbers = list(re.finditer(r"[0-9]+", stem))
    if attempt >= _CLOSE_NAMES and sum(len(number[0]) for number in numbers) < _FEW_DIGITS:
        return re.sub(r"[0-9]+", lambda run: f"{secrets.randbelow(9 * 10**5) + 10**5}{run[0]}", stem)
    longest = max(numbers, key=lambda number: len(number[0]))
    start, end = longest.span() if attempt < _CLOSE_NAMES else (0, len(stem))
    other = stem
    while other == stem:
        other = stem[:start] + re.sub(r"[0-9]", _random_digit, stem[start:end]) + stem[end:]
    return other


def _random_digit(match: re.Match[str]) -> str:
    """No number gets a new leading zero: a server may treat 0017 like 17."""
    before = match.string[match.start() - 1 : match.start()]
    leading = match[0] != "0" and not ("0" <= before <= "9")
    return secrets.choice("123456789" if leading else string.digits)


def _random(alphabet: str) -> Callable[[re.Match[str]], str]:
    return lambda _: secrets.choice(alphabet)


def random_name_status(
    request: Callable[[str], Response], stem: str, extension: str, *, found: Response | None = None
) -> int:
    """The server's status for a name of this form and extension that does not exist.

    A random name may be that of a real file by chance. HTTP 200 therefore counts only if several random names exist, if
    what the server sends for one of them is not a file, or if it sends the same file as for the expected name.

    Args:
        request: Requests one name.
        stem: The expected name.
        extension: Its extension.
        found: What the server sent for it.
    """
    expected = None
    with suppress(StorageError):
        expected = file_from_response(f"{stem}.{extension}", found) if found else None
    status = same = 0
    for attempt in range(_RANDOM_NAMES):
        name = f"{lookalike(stem, attempt)}.{extension}"
        response = request(name)
        status = response.status
        if status not in EXISTS:
            return status
        try:
            file = file_from_response(name, response)
        except StorageError:
            return status
        same += expected is not None and evolve(file, name=expected.name) == expected
        if same == _CLOSE_NAMES:
            return status
    return status


def is_misspelling(name: str, other: str) -> bool:
    """Whether two names differ only in case, in the extension, or by one added, missing, wrong or swapped character.

    Apache's CheckSpelling redirects between such names. A server that keeps files under other names does not.
    """
    one, two = name.casefold(), other.casefold()
    if split_extension(one)[0] == split_extension(two)[0]:
        return True
    short, long = sorted((one, two), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    a, b = short[start:], long[start:]
    if len(short) != len(long):
        return b[1:] == a
    return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


# Errors


class EveryNameExists(StorageMisbehaved):
    """The server reports random names as existing, so missing files cannot be detected."""


class Challenged(StorageDenied):
    """A firewall responds in the server's place."""


class _Refused(StorageDenied):
    """A clear response for one file, which says nothing about the others."""


class _SimilarName(StorageMisbehaved):
    """The server has no file of this name and names similar ones.

    Attributes:
        is_spelling_help: Whether the server only helps with spelling, as Apache does for names that do not exist.
    """

    is_spelling_help = False


# The search


@frozen
class _Result:
    """What is known about one expected file.

    Args:
        names: The names that it may have.
        found: Those that exist.
        unknown: The first name without a clear response → the problem.
        refused: The first name that got HTTP 403, if that may mean a missing file.
    """

    names: Sequence[str]
    found: Sequence[StoredFile] = ()
    unknown: Mapping[str, str] = field(factory=dict)
    refused: str | None = None


@define
class NameProbe:
    """One search that requests expected names: many files at the same time, the names of one file in turn.

    Args:
        folder: The folder's URL, for messages and redirects.
        request: Requests one name; raises if there is no response.
    """

    folder: str
    request: Callable[[str], Response]
    _random_names: dict[tuple[str, str], bool] = field(factory=dict)
    _blocked: dict[str, StorageError] = field(factory=dict)
    _absent_seen: bool = False
    _unreachable: int = 0
    _unclear: list[StorageError] = field(factory=list)
    _fatal: StorageError | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, query: SearchQuery) -> Iterator[Page]:
        """The expected files that exist, in batches; then the names for which the responses proved nothing.

        Raises:
            StorageError: The server is unreachable, reports every name as existing, or gave no clear response at all.
        """
        files = {stem: names_of(stem) for stem in query.basenames}
        known = {name for names in files.values() for name in names}
        files |= {name: [name] for name in query.names if name not in known}
        by_case = Counter(stem.casefold() for stem in query.basenames)
        not_found: list[_Result] = []
        refused: list[_Result] = []
        found: StoredFile | None = None
        todo = iter(files.items())
        with ThreadPoolExecutor(MAX_CONCURRENT_PROBES, thread_name_prefix="web-probe") as pool:
            while batch := list(islice(todo, _BATCH)):
                alone = [by_case[stem.casefold()] < 2 and stem not in query.case_matters for stem, _ in batch]
                results = list(pool.map(self._find, (names for _, names in batch), alone))
                if self._fatal is not None:
                    raise self._fatal
                not_found += [result for result in results if not result.found and not result.unknown]
                refused += [result for result in results if result.refused]
                files_found = [file for result in results for file in result.found]
                found = found or next(iter(files_found), None)
                yield Page(
                    [file.name for file in files_found],
                    files_found.__getitem__,
                    unknown={name: problem for result in results for name, problem in result.unknown.items()},
                    strategy="probing",
                )
        if files and len(self._unclear) == len(files):
            raise self._unclear[0]
        yield from self._judge(not_found, refused, found)

    def _judge(
        self, not_found: Sequence[_Result], refused: Sequence[_Result], found: StoredFile | None
    ) -> Iterator[Page]:
        """The results that prove nothing after all, now that every response is known."""
        unknown: dict[str, str] = {}
        caveat = None
        if refused:
            problem = self._why_not_missing(refused, found)
            if isinstance(problem, Challenged):
                raise problem
            if problem is None:
                caveat = CAVEAT
            else:
                unknown |= {result.refused: str(problem) for result in refused if result.refused}
        if not_found and found is not None and (contradiction := self._why_changed(found)):
            unknown |= {result.names[0]: contradiction for result in not_found}
        if unknown or caveat:
            yield Page(unknown=unknown, caveat=caveat, strategy="probing")

    def _why_changed(self, found: StoredFile) -> str | None:
        """Why the server's responses contradict each other; None if it still has the file that it sent."""
        try:
            if self.request(found.name).status in EXISTS:
                return None
        except CachedResponse:
            return None  # a cache would show the file in any case
        except StorageError as error:
            return str(error)
        return (
            f"the server sent {found.name!r} and then reported it as missing, so its other responses prove nothing; "
            "scan again, and check whether a firewall limits the number of requests"
        )

    def _why_not_missing(self, refused: Sequence[_Result], found: StoredFile | None) -> StorageError | None:
        """Why HTTP 403 does not mean a missing file; None if it does."""
        names = [result.refused for result in refused if result.refused]
        if self._absent_seen:
            return _forbidden(names[0])
        if found is None:
            raise StorageDenied(
                f"the server refuses every name, such as {names[0]!r} (HTTP 403), so it is not known whether files are "
                "missing or forbidden; make the files public, and make the server respond with 404 for missing files"
            )
        stem = split_extension(found.name)[0]
        for extension in dict.fromkeys([*_EXTENSIONS, *(split_extension(name)[1] for name in names)]):
            status = random_name_status(self.request, stem, extension)
            if status != 403:
                return StorageDenied(
                    f"the server refuses some names (HTTP 403), but responds with HTTP {status} to a random name "
                    f"ending in .{extension}, so it is not known whether the file exists; "
                    "make the files public, and make the server respond with 404 for missing files"
                )
        return None

    def _find(self, names: Sequence[str], alone: bool) -> _Result:  # noqa: FBT001 - for map
        """Request the names of one file. ``alone``: no other order's file has this name in other case."""
        hits: dict[str, StoredFile] = {}
        similar: dict[str, _SimilarName] = {}
        refused: str | None = None
        name = names[0]
        try:
            for name in names:
                try:
                    if (file := self._probe(name)) is not None:
                        hits[name] = file
                except _SimilarName as error:
                    similar[name] = error
                except _Refused:
                    if self._absent_seen:
                        raise
                    refused = refused or name
            blocking = [each for each, error in similar.items() if not hits or not error.is_spelling_help]
            if blocking:
                name = blocking[0]
                raise similar[name]
            name = next(iter(hits), name)
            self._drop_same_files(hits, alone=alone)
        except StorageError as error:
            self._record(error)
            return _Result(names, unknown={name: str(error)})
        return _Result(names, found=list(hits.values()), refused=refused)

    def _probe(self, name: str) -> StoredFile | None:
        if self._fatal is not None:
            raise self._fatal
        stem, extension = split_extension(name)
        if extension in self._blocked:
            raise self._blocked[extension]
        response = self.request(name)
        if response.status in ABSENT:
            self._absent_seen = True
            return None
        if response.status == 403:
            if self._absent_seen:
                self._block_if_refused(stem, extension)
            raise _forbidden(name)
        if response.status in EXISTS and self._random_name_exists(stem, extension, response):
            raise EveryNameExists(
                f"the server reports a random name ending in .{extension} as existing (HTTP 200), "
                f"a name like {name!r}, so missing files cannot be detected; "
                "make the server respond with 404 for missing files"
            )
        try:
            if response.status in (300, 301, 302, 303, 307, 308):
                self._raise_if_similar(name, response)
            return file_from_response(name, response)
        except StorageError as error:
            translated = from_exception(error, where=self.folder, name=name)
            if isinstance(translated, _SimilarName) and isinstance(error, _SimilarName):
                translated.is_spelling_help = error.is_spelling_help
            raise translated from error

    def _random_name_exists(self, stem: str, extension: str, found: Response) -> bool:
        """Whether the server reports random names of this form and extension as existing. Requested once."""
        key = shape_of(stem), extension
        with self._lock:
            if key not in self._random_names:
                self._random_names[key] = random_name_status(self.request, stem, extension, found=found) in EXISTS
            return self._random_names[key]

    def _block_if_refused(self, stem: str, extension: str) -> None:
        """Request no more names with this extension if the server also refuses a random one."""
        with self._lock:
            if extension not in self._blocked and random_name_status(self.request, stem, extension) == 403:
                self._blocked[extension] = _Refused(
                    f"the server refuses every name ending in .{extension} (HTTP 403), although it responded with 404 "
                    "to other names: a rule or a firewall refuses them, so it is not known which files exist; "
                    "allow these names, and this machine's address"
                )
            if extension in self._blocked:
                raise self._blocked[extension]

    def _raise_if_similar(self, name: str, response: Response) -> None:
        """Raise ``_SimilarName`` if the server redirects to another name in the folder, or offers several."""
        location = response.headers.get("location", "")
        target = None
        if location:
            try:
                url = urljoin(self.folder + percent_encode(name), location)
                target = last_segment(url)
            except ValueError:  # not a URL
                return
            above = name.rpartition("/")[0]
            target = f"{above}/{target}" if above else target
            if url != self.folder + percent_encode(target) or target in ("", name):
                return
        elif response.status != 300:
            return
        error = _SimilarName(
            f"{name!r}: the server has no file of this name, and offers {target or 'files with similar names'!r} "
            f"(HTTP {response.status}); rename the file to exactly the expected name"
        )
        error.is_spelling_help = target is None or is_misspelling(name, target)
        raise error

    def _drop_same_files(self, hits: dict[str, StoredFile], *, alone: bool) -> None:
        for name in list(hits):
            self._drop_same_spelling(name, hits)
        for name in list(hits):
            self._drop_same_file(name, hits, alone=alone)

    def _drop_same_spelling(self, name: str, hits: dict[str, StoredFile]) -> None:
        """Drop the NFD form of a hit if the server keeps one file under both Unicode forms, as on macOS.

        A name that mixes both forms decides, because nobody uploads one: if it exists, the server treats all forms as
        one name. If there is no such name, the two are one file if change token, size and time are the same.
        """
        other = unicodedata.normalize("NFD", name)
        if name == other or not unicodedata.is_normalized("NFC", name) or other not in hits:
            return
        between = _form_between(name)
        if between is not None:
            same = self.request(between).status in EXISTS
        else:
            same = evolve(hits[other], name=name) == hits[name]
        if same:
            del hits[other]

    def _drop_same_file(self, name: str, hits: dict[str, StoredFile], *, alone: bool) -> None:
        """Drop the upper-case extension of a hit if the server ignores case, so that both are one file."""
        stem, extension = split_extension(name)
        upper = f"{stem}.{extension.upper()}"
        mixed = f"{stem}.{extension[:1].lower()}{extension[1:].upper()}"  # unlikely to exist: jPG
        if name == upper or upper not in hits or self.request(mixed).status not in EXISTS:
            return
        if not alone:
            raise StorageMisbehaved(
                f"the server ignores upper and lower case, so it is not known whether the file is {name!r} or that of "
                "an order whose number differs only in case; give orders numbers without letters, or make the server "
                "distinguish case"
            )
        del hits[upper]

    def _record(self, error: StorageError) -> None:
        with self._lock:
            if not isinstance(error, _Refused | OtherFile):
                self._unclear.append(error)
            self._unreachable += isinstance(error, StorageUnreachable)
            fatal = isinstance(error, EveryNameExists | ListingTimeout | Challenged)
            if fatal or self._unreachable > MAX_UNREACHABLE:
                self._fatal = self._fatal or error


def _form_between(name: str) -> str | None:
    """A Unicode form of a name that is neither NFC nor NFD, so nobody uploads it; None if there is no such form."""
    composed = [i for i, character in enumerate(name) if unicodedata.normalize("NFD", character) != character]
    if len(composed) < 2:
        return None
    first = composed[0]
    return name[:first] + unicodedata.normalize("NFD", name[first]) + name[first + 1 :]


def _forbidden(name: str) -> _Refused:
    return _Refused(
        f"the server refuses {name!r} (HTTP 403), so it is not known whether the file exists; "
        "make the file public, or delete it"
    )


# The check of a location

_SAMPLE = "1001_1"
"""The form of names in the default pattern."""


def check_random_names(request: Callable[[str], Response]) -> Capability:
    """What the server's responses to random names with each extension say about missing files.

    Raises:
        StorageMisbehaved: Missing files cannot be detected.
    """
    statuses = {extension: random_name_status(request, _SAMPLE, extension) for extension in _EXTENSIONS}
    start = "the folder has no listing, so each expected name is requested;"
    first, *others = dict.fromkeys(statuses.values())
    if 300 <= first < 400:
        raise StorageMisbehaved(
            f"the server redirects (HTTP {first}), and redirects are not followed; "
            "use the address to which it redirects"
        )
    if others and not set(statuses.values()) <= set(ABSENT):
        odd = {extension: status for extension, status in statuses.items() if status not in ABSENT}
        listed = ", ".join(f".{extension}: HTTP {status}" for extension, status in odd.items())
        raise StorageMisbehaved(
            f"the folder has no listing, and for missing files the server responds differently by extension "
            f"({listed}), so missing files cannot be detected; make the server respond with 404 for all of them"
        )
    if first in ABSENT:
        probed = f"{start} for a missing file the server responds with HTTP {first}, as it should"
        try:
            name = f"{lookalike(_SAMPLE)}.{_EXTENSIONS[0]}"
            for _ in range(2):  # the second response may come from a cache
                request(name)
        except CachedResponse:
            return Capability(
                f"{probed}; but a cache in front of it keeps that response, so a new file may stay unreadable until "
                "the cache forgets it: exclude the folder from the cache",
                caution=True,
            )
        return Capability(probed)
    if first == 403:
        return Capability(
            f"{start} {CAVEAT.render()}; a scan that finds no file at all cannot know whether files are missing or "
            "forbidden: make the server respond with 404 for missing files",
            caution=True,
        )
    raise StorageMisbehaved(
        f"the folder has no listing, and the server responds with HTTP {first} for a missing file, "
        "so missing files cannot be detected; make the server respond with 404"
    )
