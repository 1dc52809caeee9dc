"""Names of weights as Wan's own code has them, from those of diffusers."""

from __future__ import annotations

WORDS = (  # diffusers', Wan's own
    ("condition_embedder.time_embedder.linear_1", "time_embedding.0"),
    ("condition_embedder.time_embedder.linear_2", "time_embedding.2"),
    ("condition_embedder.text_embedder.linear_1", "text_embedding.0"),
    ("condition_embedder.text_embedder.linear_2", "text_embedding.2"),
    ("condition_embedder.time_proj", "time_projection.1"),
    ("attn1", "self_attn"),
    ("attn2", "cross_attn"),
    (".to_out.0.", ".o."),
    (".to_q.", ".q."),
    (".to_k.", ".k."),
    (".to_v.", ".v."),
    ("ffn.net.0.proj", "ffn.0"),
    ("ffn.net.2", "ffn.2"),
    ("proj_out", "head.head"),
    (".norm2.", ".norm_."),
    (".norm3.", ".norm2."),
    (".norm_.", ".norm3."),
)


def wans_own(name: str) -> str:
    if name.endswith("scale_shift_table"):
        return name.replace("scale_shift_table", "modulation" if "." in name else "head.modulation")
    for theirs, own in WORDS:
        name = name.replace(theirs, own)
    return name
