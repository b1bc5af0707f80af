# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The ways in which a changed value can be seen: in any answer, in that of a request made for it, or in none."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

#: What an outcome must have so that the value of a directive could have changed it.
#:
#: `any`: nothing more than that the request ended in the block. `passed`: it is enough to have passed the block, because the
#: directive acts before the content phase. `success`: a status for which nginx's header filter adds fields. `upstream`: a
#: request was passed on. `peer`: it was passed to a peer of this upstream block. `file`: nginx looked for a file.
#: `redirect`: nginx sent a Location of its own. `listing`: nginx found a folder without an index page.
#: `fresh`: a client's copy was compared with the page.
Need = t.Literal["any", "passed", "success", "upstream", "peer", "file", "redirect", "listing", "fresh"]


@dataclass(frozen=True)
class Answer:
    """The value decides every answer of the block in which it is effective: a request that ends there is a witness."""

    need: Need = "any"
    #: The maker of requests beside that one, which show what only some answers have.
    maker: str = ""


@dataclass(frozen=True)
class ByRequest:
    """The value decides some requests only; a maker of `registry.py` finds such a request.

    Attributes:
        maker: its name.
        need: what the outcome of one must have, before or after, to prove anything when it is the same.
    """

    maker: str
    need: Need = "any"


@dataclass(frozen=True)
class Invisible:
    """No single response shows the value.

    Attributes:
        kind: one or two words that reports group by.
        reason: why, as a sentence without its full stop.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Unexercised:
    """A request could show the value, but none is made for it that proves anything when it shows nothing.

    Attributes:
        reason: why, as a sentence without its full stop.
        maker: the maker of requests that may show it all the same.
    """

    reason: str
    maker: str = ""


Sight = Answer | ByRequest | Invisible | Unexercised
