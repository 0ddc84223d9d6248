"""Run the examples of the README and of the documentation: `python tests/pages.py [PAGE ...]`.

Each page has a scratch folder and a namespace of its own. Blocks with a title are files and are written
there; blocks marked `sh` are run as one script each, with the variables of earlier ones, and blocks marked
`python` in one namespace, in order, so that a later example can use what an earlier one made. Lines that
begin with `make` or `git` are passed over: CI runs them by themselves. Blocks marked otherwise (`console`,
`text`) are not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/start.md", "docs/how-to/*.md")
PASSED_OVER = ("make", "git", "cd", "pip")
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?[^\n]*\n(.*?)^```', flags=re.DOTALL | re.MULTILINE)
VARIABLE = re.compile(r"^\w+=.*$", flags=re.MULTILINE)


def run_shell(code: str, folder: str) -> None:
    """Run a block of commands; the first that fails ends it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    lines = [line for line in code.splitlines() if not line.strip().startswith(PASSED_OVER)]
    script = "\n".join(["set -euo pipefail", *lines])
    command, environment = ["bash", "-c", script], {**os.environ, "PATH": path}
    subprocess.run(command, check=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL)


def run_page(page: Path) -> int:
    """Run the blocks of a page and return how many there were."""
    names: dict[str, object] = {"__name__": "example"}
    count, variables = 0, ""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)
        for shared in ("data", "studies", "analysis"):
            shutil.copytree(ROOT / shared, Path(folder, shared), ignore=shutil.ignore_patterns("__pycache__"))
        for language, title, code in BLOCK.findall(page.read_text("utf-8")):
            if title:
                Path(folder, title).write_text(code, "utf-8")
            elif language == "sh":
                run_shell(variables + code, folder)
                variables += "".join(f"{line}\n" for line in VARIABLE.findall(code))
            elif language == "python":
                exec(compile(code, str(page), "exec"), names)  # noqa: S102
            else:
                continue
            count += 1
        os.chdir(ROOT)
        sys.path.remove(folder)
    return count


def main() -> None:
    """Run everything; an example that fails ends it with its traceback."""
    patterns, counts = sys.argv[1:] or PAGES, []
    for page in (page for pattern in patterns for page in sorted(ROOT.glob(pattern))):
        counts.append(run_page(page))
        sys.stdout.write(f"{page.relative_to(ROOT)}: {counts[-1]} examples passed\n")
        sys.stdout.flush()
    if not any(counts):
        raise SystemExit("there are no examples to run")


if __name__ == "__main__":
    main()
