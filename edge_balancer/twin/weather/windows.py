"""What a window of time must be: a whole number of steps of whole seconds."""

from __future__ import annotations


def check_window(start: float, seconds: float, step_s: float) -> None:
    """Raises ValueError that names the value at fault."""
    for name, value, least in (("start", start, None), ("seconds", seconds, 1), ("step_s", step_s, 1)):
        if value != int(value) or (least is not None and value < least):
            need = "whole Unix seconds" if least is None else f"a whole number of seconds from {least}"
            raise ValueError(f"{name} = {value:g}: give {need}")
    if seconds % step_s:
        raise ValueError(f"seconds = {seconds:g} is no multiple of step_s = {step_s:g}: give a whole number of steps")
