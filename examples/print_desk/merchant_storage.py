"""The merchant's storage: checked as it is pasted, and kept only where it works."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from attrs import field, frozen
from sqlalchemy.orm import Session

import remote_artwork as ra
from print_desk.database import StorageRow, utc_now
from remote_artwork.credentials import Credentials
from remote_artwork.storage import CheckReport, check_location

_ONLY_ROW = 1


@frozen
class Pasted:
    """What a merchant typed in. No part of it is shown in a repr: a URL may hold a secret too."""

    url: str = field(repr=False)
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    def credentials(self) -> Credentials | None:
        """None where there are no keys.

        Raises:
            ra.ConfigurationError: There is one half of a pair only, or it cannot be a key.
        """
        if not self.access_key and not self.secret_key:
            return None
        if not self.access_key or not self.secret_key:
            raise ra.ConfigurationError("keys come in pairs; paste both the access key and the secret key, or neither")
        return ra.Keys(self.access_key, self.secret_key)


@frozen
class MerchantStorage:
    """Checks, keeps and opens the one storage of this desk.

    Args:
        engine: The desk's database.
        network: What the operator allows; a merchant's URL is opened with nothing more.
    """

    engine: sa.Engine
    network: ra.NetworkPolicy

    def check(self, pasted: Pasted) -> CheckReport:
        """Tries it, and keeps it in place of what was there if nothing failed. May take some seconds."""
        try:
            credentials = pasted.credentials()
        except ra.ConfigurationError as error:
            return CheckReport.of_refusal("credentials", error)
        report = check_location(pasted.url, credentials=credentials, network=self.network)
        if report.exit_code == 0:
            self._keep(pasted, report)
        return report

    def check_again(self) -> CheckReport | None:
        """Tries what is kept; None where nothing is. It stays, whatever comes of it, unless it is forgotten."""
        if (pasted := self._kept()) is None:
            return None
        report = check_location(pasted.url, credentials=pasted.credentials(), network=self.network)
        with Session(self.engine) as session, session.begin():
            row = session.get(StorageRow, _ONLY_ROW)
            if row is not None and _pasted(row) == pasted:
                row.checked_at, row.check = utc_now(), _told(report)
        return report

    def forget(self) -> None:
        """Deletes the URL and the keys."""
        with Session(self.engine) as session, session.begin():
            session.execute(sa.delete(StorageRow))

    def open(self) -> ra.ArtworkStorage:
        """What a scan looks into.

        Raises:
            ra.ConfigurationError: Nothing was pasted yet.
        """
        if (pasted := self._kept()) is None:
            raise ra.ConfigurationError("no storage is set up; paste its URL on the page Storage")
        return ra.open_storage(pasted.url, credentials=pasted.credentials(), network=self.network)

    def shown(self) -> dict[str, Any] | None:
        """What the page may show of it: no URL as it was pasted, and no key."""
        with Session(self.engine) as session:
            row = session.get(StorageRow, _ONLY_ROW)
            if row is None:
                return None
            location = ra.Location.parse(row.url)
            return {"location": location, "keys": bool(row.secret_key), "checked_at": row.checked_at, **row.check}

    def _kept(self) -> Pasted | None:
        with Session(self.engine) as session:
            row = session.get(StorageRow, _ONLY_ROW)
            return None if row is None else _pasted(row)

    def _keep(self, pasted: Pasted, report: CheckReport) -> None:
        with Session(self.engine) as session, session.begin():
            session.merge(
                StorageRow(
                    id=_ONLY_ROW,
                    url=pasted.url,
                    access_key=pasted.access_key,
                    secret_key=pasted.secret_key,
                    checked_at=utc_now(),
                    check=_told(report),
                )
            )


def _pasted(row: StorageRow) -> Pasted:
    return Pasted(row.url, row.access_key, row.secret_key)


def _told(report: CheckReport) -> dict[str, Any]:
    return {"steps": report.to_dict()["steps"], "verdict": str(report.verdict)}
