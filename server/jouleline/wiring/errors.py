"""What the wiring raises when something that was asked for is not there."""


class UnavailableError(ValueError):
    """Something that was asked for is not there; the message says what is missing and what to do."""


class NoSandboxError(UnavailableError):
    """There is nothing here that would confine a program."""
