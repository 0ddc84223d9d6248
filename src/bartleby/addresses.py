"""Files by address: URLs, patterns with `*`, and every store that fsspec knows (`s3://`, `hf://`, ...).

fsspec is imported when an address is used, and so is what it needs for a store (`s3fs`, `aiohttp`, ...):
where that is not installed, the error says which package it is.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bartleby.errors import DataError

__all__ = ["Files", "address_of", "copied_here", "files_at", "is_pattern", "is_remote"]

_REMOTE = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+")
"""A scheme has two letters or more: one letter is a drive of Windows."""
_PATTERN = frozenset("*?[")


@dataclass(frozen=True)
class Files:
    """Files at an address, in order.

    Parameters
    ----------
    address
        As it was given.
    names
        Their names, as the filesystem has them.
    filesystem
        Of fsspec; None for the files of this machine.
    """

    address: str
    names: tuple[str, ...]
    filesystem: Any = None

    def readable_in_parts(self) -> bool:
        """Whether some bytes of a file can be read without the others: not every web server gives them."""
        if self.filesystem is None or "http" not in self.address[:4].lower():
            return True
        return all(self.filesystem.info(name).get("partial") for name in self.names)


def is_remote(path: str | Path) -> bool:
    """Whether a path is an address such as `https://...`, also one that a `Path` was made of."""
    return _REMOTE.match(str(path)) is not None


def is_pattern(path: str | Path) -> bool:
    """Whether a path stands for all files that it fits: it has `*`, `?` or `[`, and no file has that name."""
    return not _PATTERN.isdisjoint(str(path)) and not Path(path).exists()


def address_of(path: str | Path) -> str:
    """Return an address as it was written: a `Path` takes away one of its slashes."""
    text = str(path)
    found = _REMOTE.match(text)
    if found is None:
        return text
    slashes = ":///" if found["scheme"].lower() == "file" else "://"
    return found["scheme"] + slashes + text[found.end() :]


def files_at(path: str | Path, endings: Collection[str]) -> Files:
    """Return the files at an address: itself, those that a pattern fits, or those below a folder.

    Parameters
    ----------
    path
        An address, a pattern, or a folder.
    endings
        How names may end; in a folder, others are passed over.

    Raises
    ------
    DataError
        If there is none, one ends otherwise, or the store cannot be asked.
    """
    address = address_of(path)
    if not is_remote(path):
        found = sorted(Path(path).rglob("*")) if Path(path).is_dir() else sorted(_fitting(Path(path)))
        names = [str(file) for file in found if file.is_file() and file.suffix in endings]
        return Files(address, _some(address, names, endings))
    try:
        return _remote_files(address, endings)
    except DataError:
        raise
    except Exception as error:  # a store may raise anything
        raise _cannot_be_read(address, error) from error


def _remote_files(address: str, endings: Collection[str]) -> Files:
    from fsspec.core import url_to_fs

    filesystem, name = url_to_fs(address)
    if "*" in address:
        names = sorted(filesystem.glob(name))
    elif PurePosixPath(name.partition("?")[0]).suffix in endings:
        names = [name]
    else:
        names = sorted(filesystem.find(name))
    fitting = [one for one in names if PurePosixPath(one.partition("?")[0]).suffix in endings]
    return Files(address, _some(address, fitting, endings), filesystem)


def _fitting(pattern: Path) -> Iterator[Path]:
    """Yield the paths that a pattern fits."""
    parts = pattern.parts
    first = next(n for n, part in enumerate(parts) if not _PATTERN.isdisjoint(part))
    yield from Path(*parts[:first]).glob(str(Path(*parts[first:])))


def _some(address: str, names: Collection[str], endings: Collection[str]) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{address}: there is no file here that ends in {', '.join(sorted(endings))}")
    return tuple(names)


@contextmanager
def copied_here(files: Files) -> Iterator[list[Path]]:
    """Give the files as paths on this machine; copies of remote ones are there for the time being.

    Raises
    ------
    DataError
        If one cannot be copied; errors in what is read meanwhile name the address and not the copy.
    """
    if files.filesystem is None:
        yield [Path(name) for name in files.names]
        return
    with tempfile.TemporaryDirectory(prefix="bartleby-") as folder:
        copies = []
        for number, name in enumerate(files.names):
            copy = Path(folder) / str(number) / PurePosixPath(name.partition("?")[0]).name
            copy.parent.mkdir()
            try:
                files.filesystem.get_file(name, str(copy))
            except Exception as error:  # a store may raise anything
                raise _cannot_be_read(files.address, error) from error
            copies.append(copy)
        try:
            yield copies
        except DataError as error:
            raise DataError([_named(problem, copies, files) for problem in error.problems]) from None


def _named(problem: str, copies: Collection[Path], files: Files) -> str:
    for copy, name in zip(copies, files.names, strict=True):
        shown = files.address if len(files.names) == 1 else files.filesystem.unstrip_protocol(name)
        problem = problem.replace(str(copy), shown)
    return problem


def _cannot_be_read(address: str, error: Exception) -> DataError:
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, FileNotFoundError):
        text = "there is no such file"
    return DataError(f"{address}: cannot be read: {text}")
