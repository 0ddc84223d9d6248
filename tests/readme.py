"""Run the examples of the README as they stand: `python tests/readme.py`.

Blocks marked `sh` are run line by line in one scratch folder and blocks marked `python` in one namespace
there, in order, so that a later example can use what an earlier one made. Lines that begin with `make` or
`git` are the two commands that CI runs by themselves, and are passed over. Blocks marked otherwise are not
run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSED_OVER = ("make", "git", "#", "cd", "pip")


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the code blocks as (language, code)."""
    return re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def run_shell(code: str, folder: str) -> int:
    """Run the commands of a block and return how many there were."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    count = 0
    for line in code.replace("\\\n", " ").splitlines():
        command = line.strip()
        if command and not command.startswith(PASSED_OVER):
            subprocess.run(command, shell=True, check=True, cwd=folder, env={**os.environ, "PATH": path})  # noqa: S602
            count += 1
    return count


def main() -> None:
    """Run everything; an example that fails ends it with its traceback."""
    names: dict[str, object] = {"__name__": "readme"}
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for place in ("data", "studies", "analysis"):
            Path(folder, place).symlink_to(ROOT / place)
        for language, code in blocks((ROOT / "README.md").read_text("utf-8")):
            if language == "sh":
                count += run_shell(code, folder)
            elif language == "python":
                exec(compile(code, "README.md", "exec"), names)  # noqa: S102
                count += 1
        os.chdir(ROOT)
    sys.stdout.write(f"{count} examples passed\n")
    if count == 0:
        raise SystemExit("README.md has no examples to run")


if __name__ == "__main__":
    main()
