# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""What the rules share: the configuration, indexed for routing once."""

from __future__ import annotations

import typing as t
from functools import cached_property

from ansible_collections.failsafe.nginx.plugins.plugin_utils._routes.chain import Follower
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routes.select import Router
from ansible_collections.failsafe.nginx.plugins.plugin_utils._routes.variables import Definitions

from .fixes import Editor
from .target import Target

if t.TYPE_CHECKING:
    from ansible_collections.failsafe.nginx.plugins.plugin_utils._config.model import Config


class Context:
    """One lint run over one configuration."""

    def __init__(self, config: Config, target: Target | None = None) -> None:
        self.config = config
        #: The nginx that the configuration is for.
        self.target = target or Target()

    @cached_property
    def editor(self) -> Editor:
        """Makes the fixes of findings."""
        return Editor(self.config.texts)

    @cached_property
    def router(self) -> Router:
        return Router(self.config)

    @cached_property
    def definitions(self) -> Definitions:
        return Definitions(self.config)

    @cached_property
    def follower(self) -> Follower:
        return Follower(self.router, self.definitions)
