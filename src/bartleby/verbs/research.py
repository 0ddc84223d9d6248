"""A research folder of one's own, and new studies in it that run at once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any

from bartleby.errors import DataError, SettingError
from bartleby.studies.load import bundled

__all__ = ["PARADIGMS", "init", "new"]

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
PARADIGMS: Mapping[str, str] = {
    "choice": "Which of these tasks would this model rather not do?",
    "opt-out": "Which of these tasks would this model rather leave undone?",
    "exit": "When would this model rather leave a conversation?",
    "self-report": "What does this model report of its ease, before and after a conversation?",
}
"""Kinds of study that `new` writes, and what each of them asks."""
FIRST = "first_study"
OWN_LOG = """runs/
__pycache__/
.ipynb_checkpoints/
"""


def new(name: str, paradigm: str = "choice", *, folder: str | Path = ".") -> list[Path]:
    """Write a study that runs at once: its declaration, items, analysis and notebook.

    Parameters
    ----------
    name
        Name of the study, and of its files.
    paradigm
        `choice` (two tasks, one is taken), `opt-out` (one task, with a way to decline it), `exit` (a
        conversation that the model can leave) or `self-report` (the same, with questions before and after).
    folder
        The research folder: files go into `studies/`, `data/NAME/`, `analysis/` and `notebooks/` in it.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    SettingError
        If the name or the paradigm is not allowed.
    DataError
        If one of the files is there already, or cannot be written.

    Examples
    --------
    >>> import bartleby as bb
    >>> [path.as_posix() for path in bb.new("mine", "opt-out", folder="research")][:2]
    ['research/studies/mine.py', 'research/data/mine/tasks.csv']
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise SettingError(f"name is {name!r}; allowed: a letter, and then letters, digits, '_' and '-'")
    if paradigm not in PARADIGMS:
        raise SettingError(f"paradigm is {paradigm!r}; allowed: {', '.join(PARADIGMS)}")
    files = {Path(folder) / place: text for place, text in _files(name, paradigm).items()}
    there = [str(path) for path in files if path.exists()]
    if there:
        raise DataError(f"{', '.join(there)}: there already; choose another name, or remove it first")
    return [_write(path, text) for path, text in files.items()]


def init(folder: str | Path, *, paradigm: str = "choice", examples: bool = False) -> list[Path]:
    """Lay out a research folder: README, pyproject, exact versions, and one study that runs at once.

    Parameters
    ----------
    folder
        Where; made if it is not there.
    paradigm
        Kind of the study, as for `new`.
    examples
        Also write the studies that come with Bartleby, with their stimuli, analyses and notebooks.

    Returns
    -------
    list of Path
        The files that were made. Files that are there already are left as they are.

    Raises
    ------
    SettingError
        If there is no such paradigm.
    DataError
        If the folder cannot be written.

    Examples
    --------
    >>> import bartleby as bb
    >>> sorted(path.name for path in bb.init("research"))[:3]
    ['.gitignore', 'README.md', 'first_study.ipynb']
    """
    root = Path(folder)
    if paradigm not in PARADIGMS:
        raise SettingError(f"paradigm is {paradigm!r}; allowed: {', '.join(PARADIGMS)}")
    named = {"folder": root.resolve().name, "name": FIRST, "version": metadata.version("bartleby")}
    files = {
        "README.md": _filled("README.txt", named),
        "pyproject.toml": _filled("pyproject.txt", named),
        "requirements.lock": "".join(f"{line}\n" for line in _versions()),
        ".gitignore": OWN_LOG,
    }
    made = [_write(root / place, text) for place, text in files.items() if not (root / place).exists()]
    if not (root / "studies").is_dir():
        made += new(FIRST, paradigm, folder=root)
    return made + (_examples(root) if examples else [])


def _files(name: str, paradigm: str) -> dict[str, str]:
    """Return the files of a new study, by their place in the research folder."""
    kind, values = TEMPLATES / paradigm, {"name": name, "title": PARADIGMS[paradigm]}
    estimates = _filled(kind / "estimates.txt", values)
    items = {path.name: path.read_text("utf-8") for path in sorted(kind.iterdir()) if path.suffix != ".txt"}
    return {
        f"studies/{name}.py": _filled(kind / "study.txt", values),
        **{f"data/{name}/{file}": text for file, text in items.items()},
        f"analysis/{name}.py": _filled("analysis.txt", {**values, "estimates": estimates}),
        f"notebooks/{name}.ipynb": _notebook(name, PARADIGMS[paradigm], estimates),
    }


def _filled(template: str | Path, values: Mapping[str, str]) -> str:
    return Template((TEMPLATES / template).read_text("utf-8")).substitute(values)


def _notebook(name: str, title: str, estimates: str) -> str:
    """Return a notebook that goes through a study with a respondent whose preferences are known."""
    start = (
        "from pathlib import Path\n\nimport bartleby as bb\n\n"
        'ROOT = Path.cwd().parent if Path.cwd().name == "notebooks" else Path.cwd()\n'
        f'study = bb.load(ROOT / "studies" / "{name}.py")\n'
        'print(bb.check(study, "sim/averse"))'
    )
    run = (
        f'log = ROOT / "runs" / "{name}-simulated.db"\n'
        'bb.run(study, "sim/averse", log=log)\n'
        "trials = bb.read(log)\ntrials.head()"
    )
    cells = [
        ("markdown", f"# {title}"),
        ("code", start),
        ("markdown", "A simulated respondent whose preferences are known shows what the study *could* find."),
        ("code", run),
        ("code", estimates.strip()),
        (
            "markdown",
            f"A real model: put its name in place of `sim/averse` (`local/smollm2`, `anthropic/...`) and "
            f"another log, such as `runs/{name}.db`. Run the cell again to resume a run that was stopped.",
        ),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _versions() -> Iterator[str]:
    """Yield the exact versions of Bartleby and of all that it needs, as they are installed here."""
    found: dict[str, str] = {}
    waiting = ["bartleby"]
    while waiting:
        name = waiting.pop()
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another system, or an extra that is not installed
        if package.name.lower() in found:
            continue
        found[package.name.lower()] = f"{package.name}=={package.version}"
        needed = (one for one in package.requires or () if "extra ==" not in one)
        waiting += [match.group() for one in needed if (match := re.match(r"[A-Za-z0-9._-]+", one))]
    yield from (found[name] for name in sorted(found))


def _examples(root: Path) -> list[Path]:
    made = []
    for place in ("studies", "analysis", "notebooks", "data"):
        shipped = bundled(place)
        for source in sorted(path for path in shipped.rglob("*") if path.is_file()):
            target = root / place / source.relative_to(shipped)
            if target.exists() or "__pycache__" in source.parts:
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
            except OSError as error:
                raise DataError(f"{target}: cannot be written: {error.strerror}") from None
            made.append(target)
    return made


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from None
    return path
