# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!
"""The options of a run about batches and failures, checked before any host is asked."""

from __future__ import annotations

import re
import typing as t

from .errors import RolloutError

#: What happens to the hosts that run the candidate already when the rollout fails.
ON_FAILURE: t.Final = ("keep", "rollback_fleet")

_PERCENTAGE: t.Final = re.compile(r"\s*(\d{1,3})\s*%\s*", re.ASCII)
_COUNT: t.Final = re.compile(r"\s*(\d+)\s*", re.ASCII)


def failure_budget(value: object, total: int) -> int:
    """Return the number of hosts that may fail.

    Args:
        value: a number, or a percentage of `total`, of which the whole part counts.
        total: the number of hosts.

    Raises:
        RolloutError: `value` is neither.
    """
    percentage = _PERCENTAGE.fullmatch(str(value))
    if percentage and int(percentage[1]) <= 100:  # noqa: PLR2004 - per cent
        return total * int(percentage[1]) // 100
    count = _COUNT.fullmatch(str(value))
    if isinstance(value, bool) or not count:
        raise RolloutError(
            f"nginx_deploy_max_failures has to be a number of hosts or a percentage such as '10%', not {value!r}."
        )
    return int(count[1])


def check_limits(*, on_failure: object, max_failures: object, serial: object) -> None:
    """Refuse options that would fail in a later play, when hosts are reserved or changed already.

    Raises:
        RolloutError: one of them is wrong.
    """
    if on_failure not in ON_FAILURE:
        raise RolloutError(f"nginx_deploy_on_failure has to be one of {', '.join(ON_FAILURE)}, not {on_failure!r}.")
    failure_budget(max_failures, 0)
    batches = serial if isinstance(serial, list) else [serial]
    wrong = [batch for batch in batches if not _is_batch(batch)]
    if wrong or not batches:
        raise RolloutError(
            "nginx_deploy_serial has to be a size of batches, or a list of them, in hosts or as a percentage such as '10%', not"
            f" {(wrong or [serial])[0]!r}."
        )


def _is_batch(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return False
    size = _PERCENTAGE.fullmatch(str(value)) or _COUNT.fullmatch(str(value))
    return size is not None and int(size[1]) > 0
