# Copyright (c) 2026, failsafe.nginx contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Complete an interrupted switch of files."""

from __future__ import annotations

import dataclasses

from .._common.json_fields import encode
from .changes import managed
from .context import HostContext
from .state import ROLLBACK, HostState, this_moment
from .switch import sweep, switch


def complete(context: HostContext, state: HostState) -> list[str]:
    """Bring the live folder back to one tree, and return what was done, in words.

    An interrupted activation is undone and an interrupted rollback goes on: both end at files that were live and trusted.
    """
    transaction = state.transaction
    if not transaction:
        return []
    trusted = context.store.releases.read(transaction.target if transaction.kind == ROLLBACK else transaction.origin)
    touched = touched_paths(context, state)
    sweep(context.live, touched)
    switch(context.live, context.store.releases.files(trusted), trusted.tree, touched, context.store.spare)
    done = dataclasses.replace(state, transaction=None, staged=None, switched=this_moment())
    if transaction.kind == ROLLBACK:
        done.active = None
    context.store.save(done)
    state.become(done)
    context.record("restored", trusted.id, {"txn": encode(transaction)})
    return [f"the interrupted {transaction.kind} of {transaction.time} ended with the files of {trusted.id}"]


def touched_paths(context: HostContext, state: HostState) -> set[str]:
    """Return the paths that any release in play manages."""
    ids = {state.confirmed, state.live()}
    if state.transaction:
        ids.update((state.transaction.origin, state.transaction.target))
    return managed(*(context.store.releases.read(name).tree for name in ids))
