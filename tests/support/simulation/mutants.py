"""Mutants of the protocol: each forgets one thing that keeps an order from being sent twice, or wrong."""

# ruff: noqa: E501 - each mutant quotes the lines that it changes

from simulation.mutation import Mutant

MUTANTS = (
    Mutant(
        "does not check the lease before a call",
        "fulfillment.session",
        "return recently and now - self.leased_at < self.lease.duration.total_seconds()",
        "return recently",
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
    ),
    Mutant(
        "counts the five seconds from the answer of the ledger",
        "fulfillment.session",
        "self._intent_at = started",
        "self._intent_at = self.monotonic()",
    ),
    Mutant(
        "counts the lease from the answer of the ledger",
        "fulfillment.session",
        "        before = self.monotonic()\n        self.ledger.write(write)\n",
        "        self.ledger.write(write)\n        before = self.monotonic()\n",
    ),
    Mutant(
        "renews the lease during a call",
        "fulfillment.session",
        "if not self.is_calling and not self.released",
        "if not self.released",
        within=3000,
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
        "order: Order | None = self._call(self._get_order)",
        "order: Order | None = session.plan.order if (session := self.session) else None",
    ),
    Mutant(
        "sends an order that was edited",
        "core.sending",
        '    if not same_work:\n        return Decision(Action.WAIT, reason("order_changed"), ItemStatus.SETTLING)\n',
        "",
    ),
    Mutant(
        "does not compare the files again",
        "fulfillment.shop",
        "replaced[:] = find_replaced(order)",
        "replaced[:] = []",
    ),
    Mutant(
        "does not notice a replaced file",
        "fulfillment.order",
        "if not self.session.rows[plan.number].describes(now.files):",
        "if False:",
    ),
    Mutant(
        "does not look for a second file",
        "fulfillment.artwork",
        "    def _siblings(self, names: Collection[str]) -> list[StoredFile]:\n",
        "    def _siblings(self, names: Collection[str]) -> list[StoredFile]:\n        return []\n",
    ),
    Mutant(
        "ignores a second file",
        "fulfillment.artwork",
        "if problem := choice_changed(file, others, self.services.policy.several_files):",
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
        "takes any exception of a call for a refusal",
        "fulfillment.shop",
        'session.unanswered = OutcomeUnknown(f"{type(error).__name__}: {error}")',
        'session.unanswered = Unavailable(f"{type(error).__name__}: {error}")',
    ),
    Mutant(
        "forgets an earlier call that is in doubt when a repeated one is refused",
        "core.sending",
        "return not (calls.in_doubt or (repeated and order_not_pending))",
        "return True",
    ),
    Mutant(
        "resends while the earlier call may be in flight",
        "core.sending",
        "        if recovery is not Recovery.IDEMPOTENT and in_flight:\n            return still_running\n",
        "",
    ),
    Mutant(
        "resends to a shop that cannot tell",
        "core.sending",
        '    if recovery is Recovery.NONE:\n        return Decision(Action.NEEDS_PERSON, reason("call_started_outcome_unknown"))\n    if order',
        "    if order",
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
        "            session.receipt = None if receipt is None else str(receipt)\n",
        "            session.receipt = None if receipt is None else str(receipt)\n"
        "            session.ledger.write(type(session.ledger).write.__globals__['LedgerWrite'](lease=session.lease, release=True))\n",
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
        "each.written.run(lambda answer=answer: _raise_first([copy.copy(answer)]))",
        "each.written.run(lambda answer=answer: None)",
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
        "if epoch != lease.epoch or owner not in ((lease.owner, None) if release else (lease.owner,)):",
        "if False:",
    ),
    Mutant(
        "does not compare the state of a row with what a step expects",
        "core.lifecycle",
        '    if record.state != step.before:\n        raise _state_changed(record.key, "the order", step)\n',
        "",
    ),
    Mutant(
        "prints the file of another order",
        "core.planner",
        "            if (own and not repeated) or not record.has_used(file):\n                continue\n",
        "            continue\n",
    ),
    Mutant(
        "forgets which files a call was made with",
        "core.lifecycle",
        "return evolve(record, sent_files=_merge(record.sent_files, of_items))",
        "return record",
    ),
    Mutant(
        "takes a file with another token for the checked one",
        "core.lifecycle",
        "return self.name == file.name and self.may_describe(file) and not version_vanished and not touched",
        "return self.name == file.name and self.size == file.size",
    ),
    Mutant(
        "cancels an order whose call is in doubt",
        "core.sending",
        '        return Decision(Action.WAIT, reason("order_changed_in_doubt"))',
        '        return Decision(Action.CANCEL, reason("order_changed_in_doubt"))',
    ),
    Mutant(
        "reads no order while its earlier approval is unresolved",
        "scan.collect",
        '            elif order.id in unresolved_ids:\n                plan = plan.with_status(ItemStatus.SETTLING, reason("earlier_approval_unresolved"))\n',
        "",
    ),
    Mutant(
        "does not compare the files after the call",
        "fulfillment.artwork",
        "        if self.session.state not in (FulfillState.FULFILLED, *UNRESOLVED_STATES):\n            return\n        for plan in self.session.required:",
        "        for plan in ():",
    ),
)
