"""What a trial ran on, and the settings that every worker process starts with."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# One thread a worker: on two cores, two processes of one thread beat one process of two threads by 1.5 to 2.1 times,
# and spinning OpenMP barriers cost several times over when a neighbour wakes. The allocator settings stop glibc from
# handing memory back to the kernel after every step, which made the same step take 11 or 17 ms. glibc and OpenMP read
# them when a process starts, so they are set before the process that forks the workers is started.
WORKER_ENVIRONMENT: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


def describe(device: str) -> dict[str, Any]:
    """Everything about this machine and process that a reader of a measurement may ask for. JSON-ready."""
    import numpy
    import torch

    hardware = _hardware(device)
    return {
        **hardware,
        "fingerprint": fingerprint(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "threads": torch.get_num_threads(),
        "environment": {name: os.environ.get(name, "") for name in WORKER_ENVIRONMENT},
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0,
        **_cuda_flags(device),
        **_commit(),
    }


def fingerprint(device: str) -> str:
    """Eight hex digits that tell this kind of machine: processor, cores, memory and device. Ratios never cross it."""
    return hashlib.sha256(repr(sorted(_hardware(device).items())).encode()).hexdigest()[:8]


def device_problem(device: str) -> str:
    """Why a device cannot be used here, with the mend; empty when it can."""
    import torch

    if device == "cpu":
        return ""
    if device != "cuda" and not device.startswith("cuda:"):
        return f"unknown device {device!r}: use cpu or cuda"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no CUDA device: use --device cpu, or install a CUDA build of torch"
    index = int(device.partition(":")[2] or 0) if device.partition(":")[2].isdigit() or ":" not in device else -1
    if not 0 <= index < torch.cuda.device_count():
        return f"unknown device {device!r}: torch sees {torch.cuda.device_count()} CUDA devices"
    return ""


@functools.cache
def _hardware(device: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "accelerator": "",
    }
    if device.startswith("cuda"):
        import torch

        found["accelerator"] = torch.cuda.get_device_name(device)
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> int:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):
        return 0


def _cuda_flags(device: str) -> dict[str, Any]:
    if not device.startswith("cuda"):
        return {}
    import torch

    return {
        "cuda": torch.version.cuda,
        "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32_cudnn": torch.backends.cudnn.allow_tf32,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        **_cuda_gauges(device),
    }


def _cuda_gauges(device: str) -> dict[str, float]:
    """Clocks in MHz, the highest and the present one, and watts drawn; what this torch or driver does not tell is left
    out. The present ones come from NVML, which needs the package nvidia-ml-py."""
    import torch

    properties = torch.cuda.get_device_properties(device)
    found = {
        name: getattr(properties, attribute) / 1000
        for name, attribute in (("sm_clock_max_mhz", "clock_rate"), ("memory_clock_max_mhz", "memory_clock_rate"))
        if hasattr(properties, attribute)
    }
    # NVML's errors have no common ancestor but Exception, and a reading that is not to be had must not cost a record.
    with contextlib.suppress(Exception):
        found["sm_clock_mhz"] = float(torch.cuda.clock_rate(device))
        found["power_watts"] = torch.cuda.power_draw(device) / 1000
    return found


@functools.cache
def _commit() -> dict[str, Any]:
    """Commit and dirty flag of the checkout this code runs from; empty where it is not one."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return {"commit": "", "dirty": False}

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False).stdout

    return {
        "commit": git("rev-parse", "--short=12", "HEAD").strip(),
        "dirty": bool(git("status", "--porcelain").strip()),
    }
