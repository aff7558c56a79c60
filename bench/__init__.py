"""The ruler: tasks, training, timing, tracing, explaining, studies, records and the runner.

Kept empty on purpose: `bench.records` must be importable without torch.
"""
