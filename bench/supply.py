"""Where training batches come from."""

from __future__ import annotations

import torch

from bench.tasks.task import Batch, Task


class Supply:
    """Training batches: drawn afresh, or with replacement from a pool."""

    def __init__(
        self, task: Task, size: int, generator: torch.Generator, device: str, pool: Batch | None = None
    ) -> None:
        self.task, self.size, self.generator, self.device, self.pool = task, size, generator, device, pool

    def batch(self) -> Batch:
        """The next `size` sequences, on the device."""
        if self.pool is None:
            return self.task.draw("train", self.size, self.generator).to(self.device)
        chosen = torch.randint(len(self.pool.inputs), (self.size,), generator=self.generator)
        return Batch(*(part[chosen] for part in self.pool)).to(self.device)
