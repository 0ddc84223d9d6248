"""A research folder of one"s own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bartleby.errors import DataError
from bartleby.studies.load import bundled

if TYPE_CHECKING:
    pass

__all__ = ["init"]


def init(folder: str | Path) -> list[Path]:
    """Lay out a research folder: the four places, with one working study in them.

    Parameters
    ----------
    folder
        Where; made if it is not there.

    Returns
    -------
    list of Path
        The files that were made. Files that are there already are left as they are.

    Raises
    ------
    DataError
        If the folder cannot be written.

    Examples
    --------
    >>> import bartleby as bb
    >>> sorted(path.name for path in bb.init("research"))[:2]
    ['README.md', 'README.md']
    """
    made = []
    for place in ("studies", "analysis", "notebooks", "data"):
        root = bundled(place)
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            target = Path(folder) / place / source.relative_to(root)
            if target.exists() or "__pycache__" in source.parts:
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            except OSError as error:
                raise DataError(f"{target}: cannot be written: {error.strerror}") from None
            made.append(target)
    return made
