"""Folders and files that commands leave behind, and what is said where they cannot be written."""

from __future__ import annotations

from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make it where it is missing, and try it: who waited for a search must not learn then that nothing can be written.

    Raises OSError with the place.
    """
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Not the name of the file that it was tried with.
        raise OSError(error.errno, error.strerror, str(folder)) from None


def write_whole(path: Path, data: str | bytes) -> None:
    """Whole or not at all: whoever is interrupted finds the file before."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(data.encode() if isinstance(data, str) else data)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def unwritable(error: OSError, out: Path | None) -> str:
    """The place, why, and the remedy; also of a file that was to be read before it is written anew."""
    # Of a folder that is to be made, "File exists" would say nothing of what is wrong.
    why = "there is a file of this name" if isinstance(error, FileExistsError) else error.strerror or error
    return f"{error.filename or out} cannot be written: {why}; give --out a folder that can be written"
