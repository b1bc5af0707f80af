# Copyright (c) 2026, failsafe.nginx contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random configurations: what the simulation says is what a real nginx answers, and what lint calls an error breaks."""

from __future__ import annotations

import importlib.util
import sys
import typing as t
from pathlib import Path

import pytest

pytestmark = pytest.mark.nginx
SEEDS = range(40)
REQUESTS = 20


def load(name: str) -> t.Any:
    full = f"failsafe_test_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        # Dataclasses look their own module up.
        module = sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_simulation_and_nginx_agree(seed: int, real_nginx: t.Callable[[str], t.Any]) -> None:
    generator = load("random_config")
    config = generator.RandomConfig(seed)
    comparison = load("differential").Comparison(config.block)
    result = comparison.run(config.requests(REQUESTS), generator.MADE_UP, real_nginx)
    assert result.mismatches == [], config.block


def test_the_seeds_reach_every_kind_of_outcome() -> None:
    generator, differential = load("random_config"), load("differential")
    kinds: set[str] = set()
    for seed in SEEDS:
        config = generator.RandomConfig(seed)
        comparison = differential.Comparison(config.block)
        for request in config.requests(REQUESTS):
            asked = comparison._simulate(*request, generator.MADE_UP)
            if asked is not None:
                kinds.update((asked.outcome.kind, *(["loop"] if asked.chain.loops else [])))
    assert {"content", "redirect", "return", "unknown", "internal-cycle", "loop"} <= kinds
