"""Validation of a task's fields: one clear line that names the task, the field and the mend."""

from __future__ import annotations

from bench.tasks.task import Task


def require_whole(task: Task, field: str, at_least: int) -> None:
    """Raise ValueError unless the field is a whole number of at least `at_least`."""
    value = getattr(task, field)
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"task {task.name}: {field} must be a whole number of at least {at_least}, got {value!r}")


def require_choice(task: Task, field: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless the field is one of the choices."""
    value = getattr(task, field)
    if value not in choices:
        raise ValueError(f"task {task.name}: {field} must be one of {', '.join(choices)}, got {value!r}")


def require_room(task: Task, needed: int, what: str) -> None:
    """Raise ValueError unless `needed` positions fit into the task's length."""
    if task.length < needed:
        raise ValueError(f"task {task.name}: {what} need a length of at least {needed}, got {task.length}")
