# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find quic_bpf beside several workers.

After a reload the kernel hands new HTTP/3 connections also to sockets of workers that have left (nginx issue 425).
"""

from __future__ import annotations

import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule, related

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Directive
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.analysis.blocks import ConfigBlock
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("quic-bpf-reload", "advice", "New HTTP/3 connections get lost after a reload", since="1.25.0")
_MESSAGE: t.Final = (
    "while a worker of before a reload still serves a client (a download, a WebSocket), the kernel hands new "
    "HTTP/3 connections also to the sockets of workers that have left, and they are never answered (nginx issue 425): "
    "take quic_bpf away, and end old workers by worker_shutdown_timeout"
)


def check(context: Context) -> Iterator[Finding]:
    """Check quic_bpf where several workers serve HTTP/3."""
    for block in context.blocks_named("main"):
        for inner in (block, *(each for each in block.blocks if each.name == "events")):
            for directive in inner.own.get("quic_bpf", ()):
                listens = [each for http in block.blocks if http.name == "http" for each in _quic_listens(http)]
                if directive.args[:1] == ["on"] and listens and block.value("worker_processes", "1") != "1":
                    yield RULE.at(directive.place, _MESSAGE, [related("the sockets", each.place) for each in listens])


def _quic_listens(http: ConfigBlock) -> Iterator[Directive]:
    for server in http.blocks:
        for each in server.own.get("listen", ()):
            if {"quic", "reuseport"} <= set(each.args):
                yield each
