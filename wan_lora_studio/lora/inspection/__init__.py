"""Inspection: what a LoRA file is, and which model it fits how completely.

Layouts of keys, algebra, rank, expert, coverage, cost. It reads single files and knows no library.
"""

from __future__ import annotations

from wan_lora_studio.lora.inspection.architectures import (
    Architecture,
    TransformerShape,
    architecture_for,
    architecture_from_config,
    config_path,
    known_shapes,
)
from wan_lora_studio.lora.inspection.block_coverage import BlockCoverage, coverage_by_block
from wan_lora_studio.lora.inspection.compatibility import Compatibility, judge
from wan_lora_studio.lora.inspection.costs import MODES, Cost, Mode, costs_of
from wan_lora_studio.lora.inspection.dialects import nothing_readable, read_keys, refusals
from wan_lora_studio.lora.inspection.fused_layers import row_axes
from wan_lora_studio.lora.inspection.info import INFO_VERSION, Form, LoRAInfo
from wan_lora_studio.lora.inspection.inspector import (
    FormCache,
    inspect_lora,
    inspect_with_header,
    require_supported,
)
from wan_lora_studio.lora.inspection.interface_layers import other_task
from wan_lora_studio.lora.inspection.keys import MappedKey
from wan_lora_studio.lora.inspection.layer_names import fused_into
from wan_lora_studio.lora.inspection.model_hints import FAMILY_TITLES, another_models_layer
from wan_lora_studio.lora.inspection.role_evidence import (
    BY_FOLDERS,
    BY_HAND,
    NO_EVIDENCE,
    ONE_EXPERT_FAMILIES,
    EvidenceSource,
    EvidenceStrength,
    Expert,
    RoleEvidence,
    find_role,
    folder_evidence,
    has_identity,
)
from wan_lora_studio.lora.inspection.role_words import (
    NameRole,
    RoleMark,
    name_role,
    role_marks,
    says_one_expert,
    without_role_words,
)
from wan_lora_studio.lora.inspection.scaling import (
    CONFIG_NAME,
    Scaling,
    check_config,
    config_of,
    read_scaling,
)
from wan_lora_studio.lora.inspection.shapes import rank_of, shape_flaw

__all__ = [
    "BY_FOLDERS",
    "BY_HAND",
    "CONFIG_NAME",
    "FAMILY_TITLES",
    "INFO_VERSION",
    "MODES",
    "NO_EVIDENCE",
    "ONE_EXPERT_FAMILIES",
    "Architecture",
    "BlockCoverage",
    "Compatibility",
    "Cost",
    "EvidenceSource",
    "EvidenceStrength",
    "Expert",
    "Form",
    "FormCache",
    "LoRAInfo",
    "MappedKey",
    "Mode",
    "NameRole",
    "RoleEvidence",
    "RoleMark",
    "Scaling",
    "TransformerShape",
    "another_models_layer",
    "architecture_for",
    "architecture_from_config",
    "check_config",
    "config_of",
    "config_path",
    "costs_of",
    "coverage_by_block",
    "find_role",
    "folder_evidence",
    "fused_into",
    "has_identity",
    "inspect_lora",
    "inspect_with_header",
    "judge",
    "known_shapes",
    "name_role",
    "nothing_readable",
    "other_task",
    "rank_of",
    "read_keys",
    "read_scaling",
    "refusals",
    "require_supported",
    "role_marks",
    "row_axes",
    "says_one_expert",
    "shape_flaw",
    "without_role_words",
]
