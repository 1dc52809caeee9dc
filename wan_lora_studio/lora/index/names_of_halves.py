"""Names of halves that are the same but for an epoch, a step, a rank or a version."""

from __future__ import annotations

import re

from wan_lora_studio.lora.inspection import without_role_words

_COUNTS = re.compile(
    r"""(?<![a-z0-9])(?:ver(?:sion)?|v)[-_. ]?\d+(?:[._]\d+)*[a-z]?(?![a-z0-9])  # v1.0, v.1.0
    | (?<=[a-z])v\d+(?:\.\d+)*(?![a-z0-9])                                        # StyleV9
    | (?<![a-z0-9])(?:epochs?|epocs?|eps?|e)[-_. ]?\d+(?![a-z0-9])                # e320
    | (?<![a-z0-9])\d+(?:st|nd|rd|th)?[-_. ]?(?:epochs?|epocs?|eps?|e)(?![a-z0-9])
    | (?<![a-z0-9])(?:steps?|s)[-_. ]?\d{3,}(?![a-z0-9])                          # step2000
    | (?<![a-z0-9])\d{3,}[-_. ]?(?:steps?|s)(?![a-z0-9])
    | (?<![a-z0-9])\d+k(?:[-_. ]?steps?)?(?![a-z0-9])                             # 2k
    | (?<![a-z0-9])(?:checkpoint|ckpt)[-_. ]?\d+(?![a-z0-9])                     # checkpoint-500
    | (?<![a-z0-9])20\d{6}[-_]\d\d-\d\d-\d\d(?![a-z0-9])                       # a run's time
    | (?<![a-z0-9])(?:rank|dim|alpha|r)[-_. ]?\d+(?![a-z0-9])                     # rank128
    | (?<![a-z0-9])(?:fp|bf)(?:8|16|32)(?:_e\dm\d(?:fn)?)?(?![a-z0-9])            # fp16
    | (?<![a-z0-9.])\d{4,}(?![a-z0-9])                                            # 000002500
    | \(\d+\) | (?<![a-z0-9])(?:copy|final|last)(?![a-z0-9])                      # copies
    """,
    re.IGNORECASE | re.VERBOSE,
)
_GLUED_LETTER = re.compile(r"(?<=[a-z])[HL](?![A-Za-z0-9])")  # MommyH, beside MommyL
_NUMBER = re.compile(r"(?<![A-Za-z0-9.])\d{1,3}(?![A-Za-z0-9])")


def near_name(stem: str) -> str:
    """What is left of a name, given without its role word, once such counts are out."""
    return _removed(stem, _COUNTS, _GLUED_LETTER)


def distant_name(stem: str) -> str:
    """The same without any plain number, which may be an epoch or part of the name."""
    return _removed(stem, _COUNTS, _GLUED_LETTER, _NUMBER)


def _removed(stem: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        stem = without_role_words(stem, [match.span() for match in pattern.finditer(stem)])
    return stem


def shared_name(one: str, other: str) -> str:
    """`one` without the counts, and the letter, in which `other` differs from it."""
    for pattern in (_COUNTS, _GLUED_LETTER):
        there = {match[0].casefold() for match in pattern.finditer(other)}
        spans = [m.span() for m in pattern.finditer(one) if m[0].casefold() not in there]
        one = without_role_words(one, spans)
    return one
