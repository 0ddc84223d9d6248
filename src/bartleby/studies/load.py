"""Loading a study file by path: one declaration a study, in ordinary Python."""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path

from bartleby.errors import BartlebyError, StudyError
from bartleby.studies.study import Study

__all__ = ["available", "bundled", "load"]


def load(path: str | Path) -> Study:
    """Load the study that a file declares.

    Parameters
    ----------
    path
        A Python file that makes one `Study` and names it `study`, or the name of a study that comes with
        Bartleby (`available` lists them). The file is run.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        If there is no such file, it fails (naming file and line), or makes no study.

    Examples
    --------
    >>> import bartleby as bb
    >>> bb.load("opt_out").count()
    456
    """
    file = _find(Path(path))
    try:
        names = runpy.run_path(str(file))
    except BartlebyError:
        raise
    except Exception as error:
        line = _line_in(file, error)
        raise StudyError(f"{file}{line}: {type(error).__name__}: {error}") from error
    study = names.get("study")
    if isinstance(study, Study):
        return study
    what = "there is no variable `study`" if study is None else f"`study` is a {type(study).__name__}"
    raise StudyError(f"{file}: {what}; a study file names one bartleby.Study `study`")


def available(folder: str | Path = "studies") -> list[Path]:
    """Return the study files of a research folder and, behind them, those that come with Bartleby."""
    own = sorted(Path(folder).glob("*.py")) if Path(folder).is_dir() else []
    names = {file.stem for file in own}
    return own + [file for file in sorted(bundled("studies").glob("*.py")) if file.stem not in names]


def bundled(*parts: str) -> Path:
    """Return a path among the studies, stimuli, scripts and notebooks that come with Bartleby.

    In a wheel they lie inside the package; in a checkout they are the folders at its root.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "bundled"
    root = inside if inside.is_dir() else package.parents[1]
    return root.joinpath(*parts)


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    shipped = bundled("studies", f"{path.name}.py")
    if len(path.parts) == 1 and not path.suffix and shipped.is_file():
        return shipped
    known = ", ".join(file.stem for file in available())
    kind = "is a folder, not a study file" if path.is_dir() else "there is no such study file"
    raise StudyError(f"{path}: {kind}; studies that come with Bartleby: {known}")


def _line_in(file: Path, error: Exception) -> str:
    """Return `:line` of the place in the study file itself where it failed."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    frames = traceback.extract_tb(sys.exc_info()[2] or error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file]
    return f":{lines[-1]}" if lines else ""
