"""The library together with the means to apply what is in it. Loads torch on first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from backend.errors import LoRAFileError
from backend.lora.library import LoRALibrary
from backend.lora.selection import LoRASelection

if TYPE_CHECKING:
    from backend.wan.adapters.stack import AppliedStack


class LoRAManager(LoRALibrary):
    """The LoRA library rooted at `settings.loras_dir`, and its application to a pipeline."""

    def require_usable(self, names: Sequence[str]) -> None:
        """Raise LoRANotFoundError or LoRAFileError for the first LoRA that cannot be applied."""
        for name in names:
            record = self.record(name)
            if record["status"] != "ok":
                raise LoRAFileError(
                    f"{name} cannot be used: {record['status_detail'] or record['status']}.",
                    context={"lora": name, "status": record["status"]},
                )

    @contextmanager
    def applied(self, pipeline: Any, selection: Mapping[str, Any]) -> Iterator[AppliedStack]:
        """Apply LoRAs to a pipeline's `transformer` (and `transformer_2`) while inside.

        `selection` is `{name: strength}` as in the contract. Yields the report. Everything is
        read and checked before the first weight changes; on exit, and on any failure, every
        weight is bit-identical to before. Raises a LoRAError that names the LoRA, or
        GenerationError for a strength that cannot be read.
        """
        from backend.wan.adapters.stack import StackItem, applied_stack

        parsed = LoRASelection.parse(selection)
        self.require_usable(parsed.names)
        items = [
            StackItem(name, self.files(name), strength, self.sha256(name))
            for name, strength in parsed.items
        ]
        with applied_stack(pipeline, items) as stack:
            yield stack
