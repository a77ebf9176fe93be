"""Mutants of the protocol: each forgets one thing that keeps an order from being sent twice, or wrong."""

# ruff: noqa: E501 - each mutant quotes the lines that it changes

import remote_artwork as ra
from simulation.faults import Profile
from simulation.mutation import Mutant
from simulation.people import People

LATE_CALLS = Profile(kinds=("late",), rate=0.6, focus="call")
SLOW_NETWORK = Profile(latency=0.2)
SLOW_LEDGER = Profile(kinds=("stall",), rate=0.3, focus="ledger")
LATE_OR_REFUSED_CALLS = Profile(kinds=("late", "refuse"), rate=0.6, focus="call")
SLOW_CALLS = Profile(kinds=("stall",), rate=0.6, focus="call")
DEATHS_IN_CALLS = Profile(kinds=("die",), rate=0.3, focus="call")

LOST_ATTACHES = {
    "attaching": ra.Attaching.PER_ORDER,
    "edits_orders": True,
    "profile": Profile(kinds=("lose", "die"), rate=0.4, focus="call"),
}

REVIEWED = {"review": True, "actions": (People.accept, People.replace_file) * 4, "pace": 1.0}

REUSED = {"reuse": True, "actions": (People.change_product, People.replace_file) * 4, "pace": 1.0}

MUTANTS = (
    Mutant(
        "sends an order whose products changed since its files were found",
        "fulfillment.shop",
        "skus=pattern.uses(SKU)",
        "skus=False",
        given={**REUSED, "profile": SLOW_NETWORK},
    ),
    Mutant(
        "repeats a call with the file of an earlier product",
        "scan.collect",
        "names_can_change=self.manifest is not None or self.pattern.uses(SKU)",
        "names_can_change=self.manifest is not None",
        given={**REUSED, "recovery": ra.Recovery.IDEMPOTENT, "profile": DEATHS_IN_CALLS},
    ),
    Mutant(
        "sends other files than those that a person accepted",
        "fulfillment.shop",
        "if digest == session.accepted_files:",
        "if session.accepted_files:",
        given=REVIEWED,
    ),
    Mutant(
        "does not compare the files of the last look with those that a person accepted",
        "fulfillment.shop",
        "        self.require_acceptance()\n        session = self.session\n        try:\n",
        "        session = self.session\n        try:\n",
        given={**REVIEWED, "attaching": ra.Attaching.WITH_FULFILL, "profile": SLOW_NETWORK},
    ),
    Mutant(
        "attaches files before a person has accepted them",
        "fulfillment.shop",
        "if not policy.review:",
        "if True:",
        given={**REVIEWED, "attaching": ra.Attaching.SEPARATE},
    ),
    Mutant(
        "forgets an attach call of an order that is no longer listed",
        "scan.collect",
        "unknown_attach = record.attach_unresolved and record.key.order_id not in pending.ids",
        "unknown_attach = False",
        given=LOST_ATTACHES,
    ),
    Mutant(
        "takes a refused attach call for a withdrawal of the one before",
        "fulfillment.shop",
        "if session.rows[number].state is ItemState.ATTACH_INTENT and number not in session.unknown_attaches",
        "if session.rows[number].state is ItemState.ATTACH_INTENT",
        given={**LOST_ATTACHES, "attaching": ra.Attaching.SEPARATE, "orders": (2, 2)},
    ),
    Mutant(
        "attaches to the order as it was listed",
        "fulfillment.shop",
        "session.order = self._read_again()",
        "session.order = session.plan.order",
        given={"attaching": ra.Attaching.SEPARATE},
    ),
    Mutant(
        "ignores the five seconds after an intent",
        "fulfillment.session",
        "return recently and now - self.leased_at < self.lease.duration.total_seconds()",
        "return now - self.leased_at < self.lease.duration.total_seconds()",
    ),
    Mutant(
        "checks neither lease nor intent in the thread of the call",
        "fulfillment.shop",
        "if intended and not session.may_start_call:",
        "if False:",
        given={"profile": SLOW_LEDGER},
    ),
    Mutant(
        "counts the five seconds from the answer of the ledger",
        "fulfillment.session",
        "self._intent_at = started",
        "self._intent_at = self.monotonic()",
        given={"profile": SLOW_LEDGER},
    ),
    Mutant(
        "renews the lease during a call",
        "fulfillment.session",
        "if not self.is_calling and not self.released",
        "if not self.released",
        given={"profile": SLOW_CALLS},
    ),
    Mutant(
        "does not write the intent",
        "fulfillment.shop",
        "session.intend(session.order_step(FulfillState.FULFILL_INTENT, work=order.work, call_limit=limit))",
        "session.defer(session.order_step(FulfillState.FULFILL_INTENT, work=order.work, call_limit=limit)); "
        "session._intent_at = session.monotonic()",
    ),
    Mutant(
        "writes no attach intent",
        "fulfillment.shop",
        "        if steps or not session.may_start_call:\n            session.intend(*steps)\n",
        "        session.defer(*steps); session._intent_at = session.monotonic()\n",
    ),
    Mutant(
        "does not read the order again",
        "fulfillment.shop",
        'order: Order | None = self._call(self._get_order, "get_order")',
        "order: Order | None = session.plan.order if (session := self.session) else None",
    ),
    Mutant(
        "sends an order that was edited",
        "core.sending",
        '    if not same_work:\n        return Decision(Action.WAIT, reason("order_changed"), ItemStatus.SETTLING)\n',
        "",
        given={"actions": (People.edit,) * 4, "pace": 0.3, "profile": SLOW_NETWORK},
    ),
    Mutant(
        "does not compare the files again",
        "fulfillment.shop",
        "replaced[:] = find_replaced(order, look)",
        "replaced[:] = []",
    ),
    Mutant(
        "does not notice a replaced file",
        "fulfillment.order",
        "            if replaced:\n                changed.append",
        "            if False:\n                changed.append",
        given={"actions": (People.replace_file,) * 8, "pace": 0.3, "profile": SLOW_NETWORK},
    ),
    Mutant(
        "does not look for a second file",
        "fulfillment.artwork",
        "look_beside = partial(self._list_beside, names)",
        "look_beside = dict",
    ),
    Mutant(
        "ignores a second file",
        "fulfillment.artwork",
        "if problem := choice_changed(file, others, preference):",
        "if problem := None:",
    ),
    Mutant(
        "takes a lost answer for a refusal",
        "fulfillment.shop",
        "        except (OutcomeUnknown, AlreadyFulfilled):\n            raise\n        except ClientError as error:\n",
        "        except AlreadyFulfilled:\n            raise\n        except ClientError as error:\n"
        "            session.calls = session.calls.ended(CallState.REFUSED)\n",
    ),
    Mutant(
        "forgets an earlier call that is in doubt when a repeated one is refused",
        "core.sending",
        "return not (calls.in_doubt or (repeated and order_not_pending))",
        "return True",
        given={"recovery": ra.Recovery.IDEMPOTENT, "profile": LATE_OR_REFUSED_CALLS},
    ),
    Mutant(
        "resends while the earlier call may be in flight",
        "core.sending",
        "        if recovery is not Recovery.IDEMPOTENT and in_flight:\n            return still_running\n",
        "",
        given={"recovery": ra.Recovery.QUERYABLE, "careless": True, "profile": LATE_CALLS},
    ),
    Mutant(
        "resends to a shop that cannot tell",
        "core.sending",
        '    if recovery is Recovery.NONE:\n        return Decision(Action.NEEDS_PERSON, reason("call_started_outcome_unknown"))\n    if order',
        "    if order",
        given={"recovery": ra.Recovery.NONE, "shows_effect_after": 7200.0, "profile": DEATHS_IN_CALLS},
    ),
    Mutant(
        "reopens an order after a lost answer",
        "core.sending",
        "        case Recovery.QUERYABLE:\n            return Decision(Action.WAIT,",
        "        case Recovery.QUERYABLE:\n            return Decision(Action.REOPEN,",
    ),
    Mutant(
        "starts over from an open intent",
        "fulfillment.order",
        "                UnknownCallResolver(self.services, session, self.shop).run()\n                raise Stop\n",
        "                session.defer(session.order_step(FulfillState.OPEN))\n",
    ),
    Mutant(
        "gives the lease back before the receipt",
        "fulfillment.shop",
        "            session.receipt = _receipt_text(receipt)\n",
        "            session.receipt = _receipt_text(receipt)\n            session.advance(release=True)\n",
    ),
    Mutant(
        "forgets the receipt",
        "fulfillment.shop",
        "            self.record_fulfilled(session.receipt)\n        return replaced",
        "            pass\n        return replaced",
    ),
    Mutant(
        "answers the members of a group before its commit",
        "fulfillment.group_commit",
        "        try:\n            answers = self.ledger.advance([each.write for each in group])\n",
        "        for each in group:\n            each.written.run(lambda: None)\n        try:\n"
        "            answers = self.ledger.advance([each.write for each in group])\n",
    ),
    Mutant(
        "forgets the refusals of a group",
        "fulfillment.group_commit",
        "each.written.run(partial(_raise_first, [answer]))",
        "each.written.run(partial(_raise_first, []))",
        given={"workers": 4, "profile": SLOW_LEDGER},
    ),
    Mutant(
        "lets an expired lease be claimed with the old epoch",
        "ledgers.memory",
        "epoch=row.epoch + 1,",
        "epoch=row.epoch,",
    ),
    Mutant(
        "claims an order that another scanner holds",
        "ledgers.memory",
        "if row.owner not in (None, owner) and row.lease_until > now:",
        "if False:",
    ),
    Mutant(
        "lets an old lease write",
        "core.lifecycle",
        "if epoch != lease.epoch or owner not in ((lease.owner, None) if write.release else (lease.owner,)):",
        "if False:",
    ),
    Mutant(
        "prints the file of another order",
        "core.planner",
        "        if (own and not repeated) or not record.has_used(file):\n            continue\n",
        "        continue\n",
    ),
    Mutant(
        "forgets which files a call was made with",
        "core.lifecycle",
        "return _merge(sent, [file for item in record.items.values() for file in item.files]), attached",
        "return sent, attached",
    ),
    Mutant(
        "takes a file with another token for the checked one",
        "core.lifecycle",
        "return self.name == file.name and self.may_describe(file) and not version_vanished and not touched",
        "return self.name == file.name and self.size == file.size",
    ),
    Mutant(
        "reads no order while its earlier approval is unresolved",
        "scan.collect",
        "            elif order.id in unresolved_ids:\n                plan = plan.wait_for_other_approval()\n",
        "",
        given={"profile": LATE_CALLS, "actions": (People.approve_again,) * 3, "pace": 10.0},
    ),
    Mutant(
        "does not compare the files after the call",
        "fulfillment.artwork",
        "        if self.session.state not in (FulfillState.FULFILLED, *UNRESOLVED_STATES):\n            return\n        for plan in self.session.required:",
        "        for plan in ():",
        given={"versioned": False, "actions": (People.replace_file,) * 8, "pace": 0.3, "profile": SLOW_NETWORK},
    ),
    Mutant(
        "forgets the refusals of a single worker",
        "fulfillment.group_commit",
        "_raise_first(self.ledger.advance(writes))",
        "self.ledger.advance(writes)",
        given={"workers": 1, "profile": SLOW_LEDGER},
    ),
    Mutant(
        "withdraws the intent of a call that was not made, although an earlier one is in doubt",
        "fulfillment.shop",
        "            if not session.calls.in_doubt:\n",
        "            if True:\n",
        given={
            "recovery": ra.Recovery.IDEMPOTENT,
            "attaching": ra.Attaching.WITH_FULFILL,
            "profile": Profile(kinds=("late", "stall"), rate=0.5),
        },
    ),
    Mutant(
        "has one idempotency key for all approvals of an order",
        "core.lifecycle",
        'return digest_of("fulfill", self.tenant, self.order_id, self.approval)',
        'return digest_of("fulfill", self.tenant, self.order_id)',
    ),
    Mutant(
        "sends an order that is not pending any more",
        "core.sending",
        "    if state is not OrderState.PENDING:\n        return Decision(Action.CANCEL",
        "    if False:\n        return Decision(Action.CANCEL",
        given={"actions": (People.cancel,) * 3, "pace": 0.0},
    ),
    Mutant(
        "sends a file that a check rejects",
        "fulfillment.artwork",
        "        if result.rejection:\n",
        "        if False:\n",
    ),
    Mutant(
        "records every call in doubt as fulfilled",
        "core.sending",
        "    return order.state is OrderState.FULFILLED or processed_further",
        "    return True",
    ),
)
