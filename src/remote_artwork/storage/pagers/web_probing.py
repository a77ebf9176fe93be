"""Finds files where nothing can be listed: each name that a wanted file may have is asked for.

A server is believed as far as it tells what is there from what is not. So before a hit counts, and before a 403 counts
as "not there", a canary is asked for: a name that nobody gave a file, with the same extension.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from attrs import define, field

from remote_artwork.core.awaited import Wanted, split_extension
from remote_artwork.core.model import MEDIA_TYPES
from remote_artwork.errors import StorageDenied, StorageError, StorageMisbehaved, StorageUnreachable
from remote_artwork.storage.foreign import translate
from remote_artwork.storage.pagers import Found, TimeIsUp
from remote_artwork.storage.pagers.web_transport import Answer

AT_ONCE = 16
"""Files that are looked for at the same time."""

PATIENCE = 3
"""Files that may be out of reach before the whole server counts as out of reach."""

CAVEAT = (
    "the server answers HTTP 403 for every name that is not there, so a file that not everybody may read looks the same"
)

_BATCH = 512
_THERE = (200, 206)
_EXTENSIONS = (*MEDIA_TYPES, *(extension.upper() for extension in MEDIA_TYPES))

Look = Callable[[str], Answer]
Describe = Callable[[str, Answer], Mapping[str, Any]]


class AnswersEverything(StorageMisbehaved):
    """A server that has a file for every name, so that nothing can be told from its answers."""


def spellings(stem: str) -> list[str]:
    """The names that a file of this stem may have: as given, in NFC and in NFD, each extension also in capitals."""
    forms = dict.fromkeys((*(unicodedata.normalize(form, stem) for form in ("NFC", "NFD")), stem))
    return [f"{form}.{extension}" for form in forms for extension in _EXTENSIONS]


@define
class Probing:
    """One look for wanted names. Files are looked for at the same time, the names of one file one after another.

    Args:
        where: The folder's URL, for messages.
        look: Asks for one name; raises where no answer came.
        describe: The entry of a file that is there; raises where the answer is none of a file.
    """

    where: str
    look: Look
    describe: Describe
    _canaries: dict[str, int] = field(factory=dict)
    _out_of_reach: int = 0
    _unclear: list[StorageError] = field(factory=list)
    _given_up: StorageError | None = None
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, wanted: Wanted) -> Iterator[Found]:
        """What is there of ``wanted``, in parts.

        Raises:
            StorageError: The server is out of reach, has a file for every name, or said nothing clear of any.
        """
        files = {stem: spellings(stem) for stem in wanted.stems}
        known = {name for names in files.values() for name in names}
        files |= {name: [name] for name in wanted.names if name not in known}
        twins = Counter(stem.casefold() for stem in wanted.stems)
        todo = iter(files.items())
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="web-probing") as pool:
            while batch := list(islice(todo, _BATCH)):
                alone = [twins[stem.casefold()] < 2 for stem, _ in batch]
                results = list(pool.map(self._find, (names for _, names in batch), alone))
                if self._given_up is not None:
                    raise self._given_up
                yield Found(
                    entries=[hit for result in results for hit in result.entries],
                    unknown={name: why for result in results for name, why in result.unknown.items()},
                    caveat=CAVEAT if 403 in self._canaries.values() else "",
                    way="probing",
                )
        if files and len(self._unclear) == len(files):
            raise self._unclear[0]

    def canary(self, extension: str) -> int:
        """The status that the server gives for a name with this extension that nobody gave a file."""
        with self._lock:
            if extension not in self._canaries:
                self._canaries[extension] = self.look(f"{secrets.token_hex(16)}.{extension}").status
            return self._canaries[extension]

    def _find(self, names: Sequence[str], alone: bool) -> Found:  # noqa: FBT001 - for map
        """Those of one file's names that are there; nothing is known of it once one of them gets no clear answer."""
        hits: dict[str, Mapping[str, Any]] = {}
        name = names[0]
        try:
            for name in names:
                if (entry := self._probe(name)) is not None:
                    hits[name] = entry
            for name in list(hits):
                self._fold(name, hits, alone=alone)
        except StorageError as error:
            self._note(error)
            return Found(unknown={name: str(error)})
        return Found(entries=list(hits.items()))

    def _probe(self, name: str) -> Mapping[str, Any] | None:
        if self._given_up is not None:
            raise self._given_up
        answer = self.look(name)
        extension = split_extension(name)[1]
        if answer.status in (404, 410):
            return None
        if answer.status == 403:
            if self.canary(extension) == 403:
                return None
            raise _Forbidden(
                f"the server refuses {name!r} (HTTP 403), which does not prove that it is not there; "
                "let everybody read the file, or delete it"
            )
        if answer.status in _THERE and self.canary(extension) in _THERE:
            raise AnswersEverything(
                f"{self.where}: it answers HTTP 200 for every name that ends in .{extension}, also for one that "
                "nobody gave a file, so nothing can be told; have it answer 404 for what is not there"
            )
        try:
            return self.describe(name, answer)
        except StorageError as error:
            raise translate(error, where=self.where, name=name) from error

    def _fold(self, name: str, hits: dict[str, Mapping[str, Any]], *, alone: bool) -> None:
        """Drops the capital spelling of a hit where the server does not tell capitals from small letters."""
        stem, extension = split_extension(name)
        capital = f"{stem}.{extension.upper()}"
        third = f"{stem}.{extension[:1].lower()}{extension[1:].upper()}"  # as nobody spells it: jPG
        if name == capital or capital not in hits or self.look(third).status not in _THERE:
            return
        if not alone:
            raise StorageMisbehaved(
                f"{self.where}: the server takes capitals for small letters, and {stem!r} is awaited twice but for "
                "those; give the orders numbers that differ in more"
            )
        del hits[capital]

    def _note(self, error: StorageError) -> None:
        with self._lock:
            if not isinstance(error, _Forbidden):
                self._unclear.append(error)
            self._out_of_reach += isinstance(error, StorageUnreachable)
            if isinstance(error, AnswersEverything | TimeIsUp) or self._out_of_reach > PATIENCE:
                self._given_up = self._given_up or error


class _Forbidden(StorageDenied):
    """A definite answer about one file, which says nothing of the others."""
