# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns as real configurations have them, and one random edit of them."""

from __future__ import annotations

import random

from ansible_collections.failsafe.nginx.plugins.plugin_utils._witnesses.pattern_pairs import Regex

#: Patterns as real configurations have them.
REAL = (
    r"\.(?:css|js|woff2?)$",
    r"^/(wp-admin|wp-login\.php)",
    r"/\.(?!well-known)",
    r"^/api/v[0-9]+/(users|orders)/([0-9]+)$",
    r"\.php(/|$)",
    r"^/[a-z]{2}(-[a-z]{2})?/",
    r"^/download/.+\.(zip|tar\.gz)$",
    r"(^|/)(composer|package)\.json$",
    r"^/blog(/\d{4})?/?$",
    r"^/(?:a|b|c)[^/]*\.html?$",
)


class Mutation:
    """One edit of a pattern, out of a seeded source."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - patterns, no secrets

    def pair(self) -> tuple[Regex, Regex]:
        source = self.random.choice(REAL)
        at = self.random.randrange(len(source))
        mutated = self.random.choice(
            (
                source[:at] + source[at + 1 :],
                source[:at] + self.random.choice("ax1/.-$^?+*|") + source[at:],
                source[:at] + self.random.choice("ax1/.-$^?+*|") + source[at + 1 :],
                source[:at] + source[at : at + 2][::-1] + source[at + 2 :],
            )
        )
        caseless = self.random.random() < 0.3
        other = caseless if self.random.random() < 0.85 else not caseless
        return Regex(source, caseless), Regex(mutated, other)

    def subject(self) -> str:
        words = ("api", "v1", "users", "7", "wp-admin", ".env", "en-us", "blog", "2024", "a", "download", "x")
        tails = ("", "/", ".php", ".css", ".CSS", ".html", ".tar.gz", ".json", "/1", ".woff2", ".htm", "-x")
        parts = self.random.choices(words, k=self.random.randint(0, 3))
        return "/" + "/".join(parts) + self.random.choice(tails if parts else tails[1:4])


def loadable(regex: Regex) -> bool:
    return regex.parsed is not None and not regex.parsed.version_dependent and '"' not in regex.source
