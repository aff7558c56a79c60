"""What every saved benchmark run says about its machine."""

from __future__ import annotations

from typing import Any

import pytest

from bench.machine import describe

# The plugin warns when two runs come from different machines: what changes from run to run is not the machine.
FLEETING = {"load_1min", "commit", "dirty", "sm_clock_mhz", "power_watts"}


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Versions, threads, allocator settings and accelerator, beside what the plugin finds out itself."""
    from bench.suite.models import DEVICES

    machine_info["bakeoff"] = {k: v for k, v in describe(DEVICES[-1]).items() if k not in FLEETING}
