# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m failsafe_lint`."""

from __future__ import annotations

import sys

from failsafe_lint import main

sys.exit(main())
