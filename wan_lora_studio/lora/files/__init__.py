"""Files: bytes on disk, read strictly and within limits.

Headers, tensor data, hashes, the texts and pictures beside a LoRA. It knows no layer of a Wan
model, no library and no database.
"""

from __future__ import annotations

from wan_lora_studio.lora.files.companion_names import (
    PICTURE_ENDINGS,
    VIDEO_ENDINGS,
    FolderNames,
    companion_kind,
    ending_of,
    preview_endings,
)
from wan_lora_studio.lora.files.encodings import decoded
from wan_lora_studio.lora.files.hashing import (
    CHUNK_BYTES,
    Hashes,
    Hashing,
    file_hashes,
    file_sha256,
)
from wan_lora_studio.lora.files.header import (
    CONVERT_A_PICKLE,
    PICKLE_RISK,
    Header,
    RawHeader,
    parse_header,
    raw_header,
    read_header,
)
from wan_lora_studio.lora.files.header_fast import split_usual
from wan_lora_studio.lora.files.header_strict import TensorEntry
from wan_lora_studio.lora.files.header_text import MOST_NAMED
from wan_lora_studio.lora.files.links import broken_link
from wan_lora_studio.lora.files.opening import GONE, open_regular, read_small
from wan_lora_studio.lora.files.preview_sources import (
    MAX_PREVIEW_BYTES,
    MAX_VIDEO_BYTES,
    NOT_A_PICTURE,
    NoPictureError,
    is_video,
    picture_in,
    picture_of,
    picture_sources,
    read_picture,
)
from wan_lora_studio.lora.files.sidecars import (
    MAX_SIDECAR_BYTES,
    SidecarReading,
    is_read_sidecar,
    merged_sidecars,
    read_sidecar,
    read_sidecars,
)
from wan_lora_studio.lora.files.tensor_data import (
    NumberPlaces,
    first_non_finite,
    number_places,
    read_numbers,
    validate_tensor_data,
)
from wan_lora_studio.lora.files.thumbnails import (
    PLACEHOLDER,
    THUMBNAIL_STAGE,
    THUMBNAILS_FOLDER,
    Thumbnail,
    make_thumbnail,
)
from wan_lora_studio.lora.files.webui_json import WEBUI_KEYS, rewritten_webui_json

__all__ = [
    "CHUNK_BYTES",
    "CONVERT_A_PICKLE",
    "GONE",
    "MAX_PREVIEW_BYTES",
    "MAX_SIDECAR_BYTES",
    "MAX_VIDEO_BYTES",
    "MOST_NAMED",
    "NOT_A_PICTURE",
    "PICKLE_RISK",
    "PICTURE_ENDINGS",
    "PLACEHOLDER",
    "THUMBNAILS_FOLDER",
    "THUMBNAIL_STAGE",
    "VIDEO_ENDINGS",
    "WEBUI_KEYS",
    "FolderNames",
    "Hashes",
    "Hashing",
    "Header",
    "NoPictureError",
    "NumberPlaces",
    "RawHeader",
    "SidecarReading",
    "TensorEntry",
    "Thumbnail",
    "broken_link",
    "companion_kind",
    "decoded",
    "ending_of",
    "file_hashes",
    "file_sha256",
    "first_non_finite",
    "is_read_sidecar",
    "is_video",
    "make_thumbnail",
    "merged_sidecars",
    "number_places",
    "open_regular",
    "parse_header",
    "picture_in",
    "picture_of",
    "picture_sources",
    "preview_endings",
    "raw_header",
    "read_header",
    "read_numbers",
    "read_picture",
    "read_sidecar",
    "read_sidecars",
    "read_small",
    "rewritten_webui_json",
    "split_usual",
    "validate_tensor_data",
]
