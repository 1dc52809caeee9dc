"""Messages: errors and notices in words, with what happened, why, and what to do next."""

from __future__ import annotations

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import GenerationError, SettingsError, StudioError, UploadError
from wan_lora_studio.texts import say
from wan_lora_studio.units import from_mb


def in_words(error: StudioError) -> str:
    """An error as it is printed in a terminal."""
    lines = [f"Error: {error.message}"]
    if error.cause != error.default_cause:
        lines.append(f"  {error.cause}")
    lines += [f"  - {suggestion}" for suggestion in error.suggestions]
    return "\n".join(lines)


def job_not_found(message: str) -> StudioError:
    return GenerationError(
        message,
        cause=say("ui.messages.job_gone_cause"),
        suggestions=[say("ui.messages.reload_runs")],
        context={"status": 404},
    )


def not_in_trash() -> StudioError:
    return GenerationError(
        say("ui.messages.not_in_trash"),
        cause=say("ui.messages.not_in_trash_cause"),
        suggestions=[say("ui.messages.open_trash")],
        context={"status": 404},
    )


def result_gone() -> StudioError:
    return GenerationError(
        say("ui.messages.result_gone"),
        suggestions=[say("ui.messages.reload_results")],
        context={"status": 404},
    )


def picture_gone() -> StudioError:
    return GenerationError(
        say("ui.messages.picture_gone"),
        suggestions=[say("ui.messages.choose_picture")],
    )


def too_large(limit: int) -> StudioError:
    return UploadError(
        say("ui.messages.too_large", size=limit // from_mb(1)),
        suggestions=[say("ui.messages.choose_smaller")],
        context={"status": 413},
    )


def port_taken(host: str, port: int) -> StudioError:
    return SettingsError(
        say("ui.messages.port_taken", port=port, host=host),
        suggestions=[
            say("ui.messages.another_port", command=f"{COMMAND} --port {port + 1}"),
            say("ui.messages.any_port", command=f"{COMMAND} --port 0"),
        ],
    )


def address_unusable(host: str, reason: str) -> StudioError:
    return SettingsError(
        say("ui.messages.address", host=host, reason=reason),
        suggestions=[say("ui.messages.leave_host")],
    )


def password_needed(host: str) -> StudioError:
    return SettingsError(
        say("ui.messages.password_needed", host=host),
        suggestions=[
            say("ui.messages.write_login"),
            say("ui.messages.leave_host"),
        ],
    )
