"""Fine-tuning jobs at an endpoint that offers OpenAI's: files go up, a job runs there, a model comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import FineTuningJob, JobState, ModelError

from .endpoint import Endpoint

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob as TheirJob

_STATES: Final = {
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}
"""Words that end a job; any other, such as ``validating_files`` or ``queued``, means that it goes on."""
_LATEST: Final = 100


class OpenAIFineTuner:
    """Submits jobs for one base model and asks for their state."""

    def __init__(self, settings: ModelSettings) -> None:
        """Nothing is opened here."""
        self._settings = settings
        self._endpoint = Endpoint(settings)

    @property
    def name(self) -> str:
        """The model that is fine-tuned."""
        return self._settings.model

    @property
    def endpoint(self) -> str:
        """The endpoint's address."""
        return self._settings.base_url.rstrip("/")

    async def upload(self, name: str, data: bytes) -> str:
        """Send a file of JSON lines; returns its id."""

        async def request(client: openai.AsyncOpenAI) -> str:
            sent = await client.files.create(file=(name, data, "application/jsonl"), purpose="fine-tune")
            return _text(sent, "id")

        return await self._endpoint.ask(request)

    async def submit(self, training: str, validation: str | None, suffix: str | None) -> FineTuningJob:
        """Start a job. It is not sent twice: an endpoint would run, and charge for, both."""

        async def request(client: openai.AsyncOpenAI) -> FineTuningJob:
            more = {"validation_file": validation, "suffix": suffix}
            job = await client.with_options(max_retries=0).fine_tuning.jobs.create(
                model=self._settings.model,
                training_file=training,
                extra_body={key: value for key, value in more.items() if value is not None},
            )
            return _job(job, ())

        return await self._endpoint.ask(request)

    async def find(self, training: str) -> FineTuningJob | None:
        """The newest job on an uploaded file, among the endpoint's latest."""

        async def request(client: openai.AsyncOpenAI) -> FineTuningJob | None:
            page = await client.fine_tuning.jobs.list(limit=_LATEST)
            return next((_job(job, ()) for job in page.data or () if job.training_file == training), None)

        return await self._endpoint.ask(request)

    async def job(self, identifier: str) -> FineTuningJob:
        """The job as it is now, with its newest events in the order of time."""

        async def request(client: openai.AsyncOpenAI) -> FineTuningJob:
            job = await client.fine_tuning.jobs.retrieve(identifier)
            page = await client.fine_tuning.jobs.list_events(identifier, limit=_LATEST)
            events = sorted(page.data or (), key=lambda event: event.created_at or 0)
            return _job(job, tuple(str(event.message) for event in events))

        return await self._endpoint.ask(request)

    async def aclose(self) -> None:
        """End the connections."""
        await self._endpoint.aclose()


def _job(job: TheirJob, events: tuple[str, ...]) -> FineTuningJob:
    status = _text(job, "status")
    error = getattr(job, "error", None)
    return FineTuningJob(
        id=_text(job, "id"),
        state=_STATES.get(status, JobState.RUNNING),
        status=status,
        model=str(getattr(job, "fine_tuned_model", None) or ""),
        problem=str(getattr(error, "message", None) or ""),
        events=events,
    )


def _text(answer: object, name: str) -> str:
    value = getattr(answer, name, None)
    if not isinstance(value, str) or not value:
        raise ModelError(
            f"the endpoint's answer has no {name}: it does not offer OpenAI's fine-tuning; check base_url"
        )
    return value
