"""The command by which a person settles an order: whoever names it names one that works as it stands."""

from __future__ import annotations

import shlex

from remote_artwork.core.lifecycle import OrderKey

DEFAULT_TENANT = "default"


def resolving(key: OrderKey, number: str, *, by_id: bool = False) -> str:
    """What to type, for a shell, to say that an order was fulfilled; where the ledger is, is left to the person.

    Args:
        key: Which order.
        number: The number people know it by.
        by_id: Whether the id is named also where it is the number; for orders that share it.
    """
    options = [f"--tenant={key.tenant}"] if key.tenant != DEFAULT_TENANT else []
    options += [f"--id={key.order_id}"] if by_id or key.order_id != number else []
    options += [f"--approval={key.approval}"] if key.approval else []
    options.append("--fulfilled")
    command = ["remote-artwork", "ledger", "resolve"]
    # Behind a lone "--" nothing is taken for an option.
    return shlex.join([*command, *options, "--", number] if number.startswith("-") else [*command, number, *options])
