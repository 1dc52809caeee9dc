"""Theme: colours, type and spacing for Gradio's own components.

The same values as custom properties, for our own elements, are in `lora_ui/assets/colours.css`.
"""

from __future__ import annotations

import gradio as gr

FONT = ("ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def studio_theme() -> gr.themes.Base:
    """A calm theme with system fonts: the page asks no other host for anything."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_sm,
        font=FONT,
        font_mono=MONO,
    )
    return theme.set(
        body_background_fill="var(--studio-page)",
        body_background_fill_dark="var(--studio-page)",
        body_text_color="var(--studio-text)",
        body_text_color_dark="var(--studio-text)",
        body_text_color_subdued="var(--studio-muted)",
        body_text_color_subdued_dark="var(--studio-muted)",
        background_fill_primary="var(--studio-panel)",
        background_fill_primary_dark="var(--studio-panel)",
        background_fill_secondary="var(--studio-page)",
        background_fill_secondary_dark="var(--studio-page)",
        border_color_primary="var(--studio-line)",
        border_color_primary_dark="var(--studio-line)",
        block_background_fill="var(--studio-panel)",
        block_background_fill_dark="var(--studio-panel)",
        block_border_color="var(--studio-line)",
        block_border_color_dark="var(--studio-line)",
        block_shadow="none",
        color_accent="var(--studio-accent)",
        color_accent_soft="var(--studio-accent-soft)",
        color_accent_soft_dark="var(--studio-accent-soft)",
        input_border_width="1px",
        input_radius="6px",
        input_padding="6px 10px",
        block_label_text_color="var(--studio-muted)",
        block_label_text_color_dark="var(--studio-muted)",
        block_title_text_color="var(--studio-muted)",
        block_title_text_color_dark="var(--studio-muted)",
        block_title_text_weight="500",
        block_info_text_color="var(--studio-muted)",
        block_info_text_color_dark="var(--studio-muted)",
        input_background_fill="var(--studio-field)",
        input_background_fill_dark="var(--studio-field)",
        input_border_color="var(--studio-edge)",
        input_border_color_dark="var(--studio-edge)",
        input_border_color_focus="var(--studio-accent)",
        input_border_color_focus_dark="var(--studio-accent)",
        input_placeholder_color="var(--studio-muted)",
        input_placeholder_color_dark="var(--studio-muted)",
        button_primary_background_fill="var(--studio-accent)",
        button_primary_background_fill_dark="var(--studio-accent)",
        button_primary_background_fill_hover="var(--studio-accent-strong)",
        button_primary_background_fill_hover_dark="var(--studio-accent-strong)",
        button_primary_text_color="var(--studio-on-accent)",
        button_primary_text_color_dark="var(--studio-on-accent)",
        button_secondary_background_fill="var(--studio-field)",
        button_secondary_background_fill_dark="var(--studio-field)",
        button_secondary_border_color="var(--studio-edge)",
        button_secondary_border_color_dark="var(--studio-edge)",
        button_secondary_text_color="var(--studio-text)",
        button_secondary_text_color_dark="var(--studio-text)",
    )
