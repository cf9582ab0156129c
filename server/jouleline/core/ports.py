"""The Protocols that the edges implement, and the values that cross them.

An edge is whatever touches the world: a runner starts processes, a meter reads a sensor, a
toolchain finds a compiler. The core and the app know only these shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Only named here: what an agent needs of this module shall not bring a parser with it.
    from .profile import KernelProfile, LaunchRecord


class Availability(StrEnum):
    """Whether something can be used on this machine."""

    READY = "ready"
    LIMITED = "limited"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What ``jouleline doctor`` says of one thing: a compiler, a meter, a sandbox.

    ``detail`` says what was found; ``remedy`` the exact step that would mend what is missing.
    """

    kind: str
    name: str
    availability: Availability
    detail: str
    remedy: str = ""


class StopReason(StrEnum):
    """Why a process was ended before it ended itself."""

    TIME = "time limit"
    OUTPUT = "output limit"
    CPU = "CPU time limit"
    MEMORY = "memory limit"
    TASKS = "limit on processes and threads"
    DISK = "disk limit"
    FILES = "limit on files"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use, all its processes together. Seconds and bytes; None means no limit of our own.

    ``output_bytes`` is for standard output and error together, ``file_bytes`` for one file. ``disk_bytes``
    and ``files`` are what it adds to its folder and its private one. ``tasks`` counts processes and
    threads. ``memory_bytes`` counts what is resident; None leaves it to the runner.
    """

    wall_s: float = 60.0
    output_bytes: int = 16 * 1024 * 1024
    file_bytes: int | None = 4 * 1024**3
    disk_bytes: int | None = 8 * 1024**3
    files: int | None = 100_000
    memory_bytes: int | None = None
    tasks: int | None = 4096
    cpu_s: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One shell command, run in ``directory``, which it may write to.

    ``environment`` is added to the little that the runner passes on (PATH, LANG and the like):
    a job never sees the environment of the language server. Only with ``gpu`` does a sandbox let it reach
    the GPUs: their drivers are a large surface. ``builds`` says that it compiles: nobody watches its time,
    so others may run beside it.
    """

    command: str
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    gpu: bool = False
    builds: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """How a job ended. ``cpu_s`` is user plus system time of the job's whole process tree."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    wall_s: float
    cpu_s: float
    stopped: StopReason | None = None
    signal: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the job ended by itself with exit code 0."""
        return self.exit_code == 0 and self.stopped is None and self.signal is None


class Runner(Protocol):
    """Runs jobs. Cancelling the awaiting task ends the job's processes and all their children."""

    @property
    def name(self) -> str:
        """Short name, shown in results."""

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What a job cannot do under this runner, in words for the user; empty if unconfined."""

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits.

        Raises:
            RunnerError: when the job could not be started at all.
        """


class RunnerError(RuntimeError):
    """A job could not be started; the message says why and what to do."""


class InterruptedRunError(RunnerError):
    """A connection was lost and is there again: whoever watched the run has to begin anew."""


class LostWorkerError(RunnerError):
    """Several workers of a fleet ended, one after the other, while they worked on the same."""


class Toolchain(Protocol):
    """A compiler that can build a single source file of some language."""

    @property
    def name(self) -> str:
        """The compiler's usual name, such as ``g++``."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The file suffixes it builds, with the dot."""

    def find(self) -> Finding:
        """Whether it is here, with its version."""

    def build_command(self, sources: Sequence[str], output: str) -> str:
        """The shell command that builds ``sources`` into the program ``output``."""


class DeviceCompiler(Protocol):
    """A compiler that shows the machine code it makes of kernels, on machines without the GPU too."""

    @property
    def name(self) -> str:
        """The compiler's usual name."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders it needs to read, for a sandbox that hides the user's home."""

    def find(self) -> Finding:
        """Whether it is here with all that a listing takes, with its version."""

    def nearest(self, target: str) -> str:
        """The instruction set that it makes code for, closest to ``target``, such as ``sm_86``."""

    def options(self, given: Sequence[str], folder: str = ".") -> tuple[str, ...]:
        """The options of a Makefile's command that count for the code of kernels.

        ``folder`` is where that command runs, relative to where ours will.
        """

    def listing_command(self, source: str, options: Sequence[str], target: str, output: str) -> str:
        """The shell command that writes the machine code of a source's kernels to ``output``.

        ``target`` names an instruction set such as ``sm_86``. What the command writes or prints tells the
        registers, stack, spills and shared memory of each kernel.
        """


class Cache(Protocol):
    """Answers that were dear to get, kept across runs under a key made of all they depend on.

    A cache that cannot be read or written costs time and nothing else: it never raises.
    """

    def get(self, key: str) -> object | None:
        """The JSON value that was put under ``key``; None if there is none (any more)."""

    def put(self, key: str, value: object) -> bool:
        """Keep a JSON value; it may be forgotten when space gets short. False if nothing can be kept."""


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one answer is drawn; None leaves it to what the user configured.

    ``number`` tells draws of the same question apart: a cache gives the same answer to the same number.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    ``model`` is the name that the endpoint gives itself. ``tokens_estimated`` says that the endpoint
    reported no usage, and tokens are a guess from the text's length. ``cut`` says that the answer met
    its token limit. A ``cached`` answer cost nothing this time. ``cost`` is in the currency of the prices
    that the user configured, None without.
    """

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    tokens_estimated: bool = False
    cut: bool = False
    cached: bool = False
    cost: float | None = None


Heard = Callable[[int], None]
"""Told, while an answer comes, about how many tokens of it there are so far."""


def unheard(tokens: int) -> None:
    """For whom it is enough to hear of an answer when it is whole."""
    del tokens


class LanguageModel(Protocol):
    """A chat model. Retries, time limits, the token budget and requests at once are its own affair.

    It is used from one event loop at a time. Cancelling the awaiting task drops the request.
    """

    @property
    def name(self) -> str:
        """The model's name, shown in results."""

    @property
    def identity(self) -> str:
        """Everything beside the question that answers depend on, as text and without secrets."""

    async def complete(
        self, messages: Sequence[Message], sampling: Sampling = Sampling(), heard: Heard = unheard
    ) -> Completion:
        """The model's next message; ``heard`` is told of it while it comes, where the model can.

        Raises:
            ModelError: when there is no answer to this question.
            ModelUnavailableError: when there would be none to any other, either.
        """

    async def aclose(self) -> None:
        """End the connections; the next request opens new ones."""


class ModelError(RuntimeError):
    """A model gave no answer; the message says why and what to do, and holds no secret."""


class ModelUnavailableError(ModelError):
    """No request would succeed: no endpoint, a wrong key or model name, a spent budget."""


class JobState(StrEnum):
    """How far a fine-tuning job is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FineTuningJob:
    """A fine-tuning job as its endpoint describes it.

    ``status`` is the endpoint's own word for ``state``. ``model`` is the fine-tuned model's name, empty
    until it is there; ``problem`` is why a job failed. ``events`` are in the order of time.
    """

    id: str
    state: JobState
    status: str
    model: str = ""
    problem: str = ""
    events: tuple[str, ...] = ()


class FineTuner(Protocol):
    """An endpoint that fine-tunes models. Every method may raise :class:`ModelError`."""

    @property
    def name(self) -> str:
        """The name of the model that is fine-tuned."""

    @property
    def endpoint(self) -> str:
        """Where the jobs run: a job is known to one endpoint only."""

    async def upload(self, name: str, data: bytes) -> str:
        """Send training or validation data (JSON lines); returns the file's id."""

    async def submit(self, training: str, validation: str | None, suffix: str | None) -> FineTuningJob:
        """Start a job on uploaded files."""

    async def find(self, training: str) -> FineTuningJob | None:
        """The newest job on an uploaded file, None if there is none among the latest."""

    async def job(self, identifier: str) -> FineTuningJob:
        """The job as it is now, with its events."""

    async def aclose(self) -> None:
        """End the connections."""


class Profiler(Protocol):
    """Runs a program under a GPU vendor's profiler, and reads what that wrote."""

    @property
    def name(self) -> str:
        """The profiler's usual name, such as ``ncu``."""

    def find(self) -> Finding:
        """Whether it is here, and whether it may read this machine's counters."""

    def command(self, run: str, folder: str, *, tensor: bool = False) -> str:
        """The shell command that runs ``run`` and leaves CSV files in ``folder``.

        ``tensor`` asks for operations of tensor units as well.
        """

    def recognises(self, text: str) -> bool:
        """Whether a text is this profiler's."""

    def read(self, text: str) -> Sequence[LaunchRecord]:
        """The launches of a text it recognises, in order.

        Raises:
            ProfileError: if the text is damaged; the message names the line.
        """

    def profile(self, record: LaunchRecord) -> KernelProfile:
        """What a launch's counters amount to.

        Raises:
            ProfileError: if counters are missing; the message names them and how to collect them.
        """

    def refusal(self, log: str) -> str | None:
        """What kept the profiler from measuring, as one sentence with its remedy; None if nothing did."""
