# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""Find broken ciphers that are switched on.

RC4, DES, export and MD5 ciphers can be broken, NULL does not encrypt, anonymous ones prove no identity.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data import mozilla_tls
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.data.mozilla_tls import GUIDELINE
from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Rule

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.context import Context
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._lint.finding import Finding

RULE: t.Final = Rule("tls-ciphers", "warning", "Broken ciphers are switched on", security=5.9)
#: A name in a cipher list that brings in broken ones; names of single ciphers hold these as parts.
_WEAK: t.Final = re.compile(
    r"(?:^|[-+_])(?:RC4|RC2|DES|3DES|IDEA|SEED|MD5|NULL|eNULL|aNULL|ADH|AECDH|EXP|EXPORT|EXPORT40|EXPORT56|LOW|DES-CBC3)"
    r"(?:$|[-+_\d])|^(?:COMPLEMENTOFALL|COMPLEMENTOFDEFAULT)$"
)


def check(context: Context) -> Iterator[Finding]:
    """Check every literal ssl_ciphers."""
    for _block, directive in context.directives("ssl_ciphers"):
        if not directive.args or "$" in directive.args[0]:
            continue
        words = [each for each in re.split(r"[:, ]+", directive.args[0]) if each]
        excluded = {each.lstrip("!-") for each in words if each.startswith(("!", "-"))}
        weak = [each for each in words if each[0] not in "!-@+" and _is_weak(each, excluded)]
        if weak:
            message = (
                f"the list switches on {', '.join(weak)}, which can be broken or does not encrypt at all; "
                f"{GUIDELINE} has {':'.join(mozilla_tls.INTERMEDIATE_CIPHERS)} for TLSv1.2"
            )
            yield RULE.at(directive.place, message)


def _is_weak(word: str, excluded: set[str]) -> bool:
    if word == "ALL":
        # Without anonymous ciphers, which ALL brings in, it is as good as what OpenSSL was built with.
        return not {"aNULL", "ADH"} & excluded
    if not _WEAK.search(word):
        return False
    parts = {part.replace("CBC3", "3DES") for part in re.split(r"[-+_]", word)}
    return not any(each in parts or each == word for each in excluded)
