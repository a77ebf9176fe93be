"""The merchant's storage: checked when it is pasted, and saved only if the check succeeds."""

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
    """What a merchant entered. The repr shows none of it, because the URL may contain a secret too."""

    url: str = field(repr=False)
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)

    def credentials(self) -> Credentials | None:
        """Return the keys, or None if there are none.

        Raises:
            ra.ConfigurationError: One key of the pair is missing, or a key is invalid.
        """
        if not self.access_key and not self.secret_key:
            return None
        if not self.access_key or not self.secret_key:
            raise ra.ConfigurationError(
                "one of the two keys is missing; enter both the access key and the secret key, or neither"
            )
        return ra.Keys(self.access_key, self.secret_key)


@frozen
class MerchantStorage:
    """Checks, saves and opens the one storage of this desk.

    Args:
        engine: The database of the desk.
        network: The network policy of the operator, which applies to the merchant's URL.
    """

    engine: sa.Engine
    network: ra.NetworkPolicy

    def check(self, pasted: Pasted) -> CheckReport:
        """Check a storage. If no step failed, save it in place of the current one. May take some seconds."""
        try:
            credentials = pasted.credentials()
        except ra.ConfigurationError as error:
            return CheckReport.of_refusal("credentials", error)
        report = check_location(pasted.url, credentials=credentials, network=self.network)
        if report.exit_code == 0:
            self._save(pasted, report)
        return report

    def check_again(self) -> CheckReport | None:
        """Check the saved storage again and save the result. Return None if there is no storage.

        The result is dropped if the storage was deleted or replaced during the check.
        """
        if (pasted := self._saved()) is None:
            return None
        report = check_location(pasted.url, credentials=pasted.credentials(), network=self.network)
        with Session(self.engine) as session, session.begin():
            row = session.get(StorageRow, _ONLY_ROW)
            if row is not None and _pasted(row) == pasted:
                row.checked_at, row.check = utc_now(), _to_dict(report)
        return report

    def delete(self) -> None:
        """Delete the URL and the keys."""
        with Session(self.engine) as session, session.begin():
            session.execute(sa.delete(StorageRow))

    def open(self) -> ra.ArtworkStorage:
        """Open the saved storage.

        Raises:
            ra.ConfigurationError: There is none.
        """
        if (pasted := self._saved()) is None:
            raise ra.ConfigurationError("no storage is set up; enter its URL on the page Storage")
        return ra.open_storage(pasted.url, credentials=pasted.credentials(), network=self.network)

    def location(self) -> ra.Location | None:
        """Return the location of the saved storage, or None if there is none."""
        pasted = self._saved()
        return None if pasted is None else ra.Location.parse(pasted.url)

    def summary(self) -> dict[str, Any] | None:
        """Return what the page can display. It contains neither the pasted URL nor a key."""
        with Session(self.engine) as session:
            row = session.get(StorageRow, _ONLY_ROW)
            if row is None:
                return None
            location = ra.Location.parse(row.url)
            return {"location": location, "keys": bool(row.secret_key), "checked_at": row.checked_at, **row.check}

    def _saved(self) -> Pasted | None:
        with Session(self.engine) as session:
            row = session.get(StorageRow, _ONLY_ROW)
            return None if row is None else _pasted(row)

    def _save(self, pasted: Pasted, report: CheckReport) -> None:
        with Session(self.engine) as session, session.begin():
            session.merge(
                StorageRow(
                    id=_ONLY_ROW,
                    url=pasted.url,
                    access_key=pasted.access_key,
                    secret_key=pasted.secret_key,
                    checked_at=utc_now(),
                    check=_to_dict(report),
                )
            )


def _pasted(row: StorageRow) -> Pasted:
    return Pasted(row.url, row.access_key, row.secret_key)


def _to_dict(report: CheckReport) -> dict[str, Any]:
    return {"steps": report.to_dict()["steps"], "verdict": str(report.verdict)}
