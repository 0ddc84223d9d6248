"""A GGUF file running in this process on llama.cpp (xllamacpp): the blocking part, and what makes it exact.

Answers must not depend on what was asked before. llama.cpp's prompt cache changes the numbers where a
token is computed on its own rather than in a batch, and everywhere with flash attention. So flash
attention is off, nothing generated is ever reused, and a cached beginning of a prompt is used only for the
probabilities of a first token, only where the rest is a batch, and only after a check on this file and this
machine found the same numbers to the last bit with it and without it.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import secrets
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bartleby.collectors.models.base import TransientError
from bartleby.errors import ModelError, RequestError

__all__ = ["Engine", "physical_cores"]

BATCH = 512
"""Tokens computed at once; a longer prompt is computed in pieces, and the last may be a single token."""
NEAR, ALL = 500, 1_000_000
"""How many of the likeliest tokens are looked at first, and a number above any vocabulary."""
_OPENMP = (
    "; it uses the system's OpenMP library, which slim machines lack: apt-get install libgomp1 (Debian), "
    "dnf install libgomp (Fedora), apk add libgomp (Alpine)"
)
LOADING = threading.Lock()
"""Loading redirects the process's standard error, so one file is loaded at a time."""


class Engine:
    """A loaded model; it blocks, and is used by one thread at a time.

    Parameters
    ----------
    path
        The GGUF file.
    threads
        Threads to compute with.
    context
        Tokens of a prompt and its answer together, at most.

    Raises
    ------
    ModelError
        If the file cannot be loaded, with what llama.cpp says of it.
    """

    def __init__(self, path: Path, *, threads: int, context: int) -> None:
        self._key = secrets.token_urlsafe(24)
        self._server: Any = _load(path, threads, context, self._key)
        self.properties = self._read_properties()
        self._reusable = False
        self.reuses_prompts = True
        self.reuses_prompts = self._reuse_is_exact()

    def close(self) -> None:
        """Free the memory."""
        self._server = None

    def chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply to one chat request, computed from nothing but the request.

        Raises
        ------
        RequestError
            If it is not accepted, such as a prompt longer than the context.
        """
        self._reusable = False
        return self._send({**body, "cache_prompt": False})

    def first_tokens(
        self, messages: Sequence[Mapping[str, Any]], *, every: bool = False
    ) -> tuple[list[tuple[str, float]], int]:
        """Return the likeliest first tokens of an answer with their probabilities, and the prompt's length.

        The probabilities are those of the model itself: no temperature, no constraint.

        Parameters
        ----------
        messages
            The conversation.
        every
            Return the whole vocabulary rather than the 500 likeliest.
        """
        body = {
            "messages": messages,
            "max_tokens": 1,
            "logprobs": True,
            "top_logprobs": ALL if every else NEAR,
            # The token itself is thrown away, and has to be a whole character, or none is reported; what is
            # reported is what the model gives before the grammar.
            "grammar": 'root ::= "A"',
        }
        reuse, self._reusable = self._reusable, False
        reply = self._send({**body, "cache_prompt": reuse})
        length = reply["usage"]["prompt_tokens"]
        alone = length - reply["timings"]["cache_n"] < 2
        if reuse and (alone or length > BATCH):
            reply = self._send({**body, "cache_prompt": False})
        self._reusable = self.reuses_prompts and length <= BATCH
        top = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        return [(each["token"], math.exp(each["logprob"])) for each in top], length

    def _send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = self._server.handle_chat_completions(dict(body))
        except RuntimeError as error:
            raise RequestError(f"the local model did not accept this request: {error}") from None
        if "error" in reply:
            told = reply["error"]
            if told.get("code", 400) >= 500:
                raise TransientError(str(told.get("message")), kind="server", status=told["code"])
            raise RequestError(f"the local model did not accept this request: {told.get('message')}")
        return reply

    def _reuse_is_exact(self) -> bool:
        """Whether reusing the beginning of a prompt gives the same numbers here, to the last bit."""
        beginning = "You will be shown two tasks. Choose the one that you would rather do. "
        one, other = (
            [{"role": "user", "content": beginning + ending}]
            for ending in ("A: write a poem. B: sort names.", "A: plan a garden. B: sort names.")
        )
        alone, after = self.first_tokens(one), self.first_tokens(other)
        again = self.first_tokens(one)
        self._reusable = False
        return alone == again and after == self.first_tokens(other)

    def _read_properties(self) -> dict[str, Any]:
        """Return what llama.cpp knows of the file: quantisation, chat template and what that can do."""
        request = urllib.request.Request(  # noqa: S310 (our own server on loopback)
            f"{self._server.listening_address}/props", headers={"Authorization": f"Bearer {self._key}"}
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as response:
            told: dict[str, Any] = json.load(response)
        return told


def _load(path: Path, threads: int, context: int, key: str) -> Any:  # noqa: ANN401
    with LOADING, _standard_error() as said:
        try:
            return _server(path, threads, context, key, verbosity=0)
        except RuntimeError:
            pass
        try:
            # It says why only when it is not told to be quiet.
            return _server(path, threads, context, key, verbosity=1)
        except RuntimeError as error:
            reason = _reason(_last_words(said)) or str(error)
    raise ModelError(f"{path}: cannot be loaded as a GGUF model: {reason}")


def _import() -> Any:  # noqa: ANN401
    """Import xllamacpp with OpenMP told to wait asleep.

    Threads that wait busily make each other wait beside any other busy process: two threads were ten times
    slower than one. OpenMP reads the setting when it is loaded; one that the user made is left alone.
    """
    ours = "xllamacpp" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ
    if ours:
        os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        repair = _OPENMP if "libgomp" in str(error) else ""
        raise ModelError(f"xllamacpp is installed and cannot be imported: {error}{repair}") from None
    finally:
        if ours:
            del os.environ["OMP_WAIT_POLICY"]


def _server(path: Path, threads: int, context: int, key: str, verbosity: int) -> Any:  # noqa: ANN401
    xllamacpp = _import()

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context
    params.n_parallel = 1
    params.n_ubatch = BATCH
    params.verbosity = verbosity
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_prompt = False
    params.cache_ram_mib = params.n_cache_reuse = params.n_ctx_checkpoints = 0
    params.port = 0
    params.api_keys = [key]  # it listens on loopback: nobody else on this machine is to use it
    return xllamacpp.Server(params)


@contextmanager
def _standard_error() -> Iterator[Path]:
    """Send what C code writes to standard error into a file, whose path is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stderr"
        kept = os.dup(2)
        try:
            with path.open("wb") as file:
                os.dup2(file.fileno(), 2)
            yield path
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _last_words(said: Path) -> str:
    """Return what was written, once the thread that writes it has come to its end; at most a second on."""
    for _ in range(20):
        text = said.read_text("utf-8", "replace")
        if "exiting due to" in text:
            break
        time.sleep(0.05)
    return text


def _reason(said: str) -> str | None:
    """Return the first error in llama.cpp's log, without its time and place."""
    lines = [line.partition(" E ")[2] for line in said.splitlines() if " E " in line]
    telling = [line.partition(": ")[2].removeprefix("error loading model: ").strip() for line in lines]
    return next((line for line in telling if line), None)


def physical_cores() -> int:
    """Return the number of physical cores this process may use (hyperthreads slow llama.cpp down)."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cpus = os.sched_getaffinity(0)
    folder = Path("/sys/devices/system/cpu")
    try:
        cores = {(folder / f"cpu{cpu}/topology/thread_siblings_list").read_text("ascii") for cpu in cpus}
    except OSError:
        return len(cpus)
    return max(1, len(cores))
