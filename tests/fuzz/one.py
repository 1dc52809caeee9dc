"""One target under atheris: `python -m tests.fuzz.one TARGET [what libFuzzer takes]`."""

from __future__ import annotations

import logging
import sys
import warnings

import atheris


def main(name: str, arguments: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["wan_lora_studio"]):
        from tests.fuzz.seeds import TARGETS
        from tests.fuzz.targets import within_words
    from tests.fuzz.mutations import mutated

    read = TARGETS[name].read
    atheris.Setup(
        [sys.argv[0], *arguments],
        lambda data: within_words(read, data),
        custom_mutator=lambda data, most, seed: mutated(data, most, seed, atheris.Mutate),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
