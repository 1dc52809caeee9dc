"""Why a picture is not decoded: the names that the jailed decoder answers with."""

from __future__ import annotations


class RefusedError(ValueError):
    """`reason` is one of this module's; `detail` is a word of the decoder's, or empty."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason, self.detail = reason, detail


TOO_LARGE = "too_large"
TOO_MANY_PIXELS = "too_many_pixels"
DAMAGED = "damaged"
CUT_SHORT = "cut_short"
NOT_DECODED = "not_decoded"
NO_FRAME = "no_frame"
NO_DECODER = "no_decoder"  # the process did not start, ended, or took too long
# Of pickles alone:
OLD_PICKLE = "old_pickle"  # not PyTorch's archive of today
PACKED = "packed"  # its parts are compressed
SCATTERED = "scattered"  # a tensor does not lie in one piece
NOT_ALLOWED = "not_allowed"  # it asks for something that is neither a tensor nor a plain value
NO_TENSORS = "no_tensors"
