/** Where each card of the grid goes: lines of cards below headings, for a density and a width. */
import { say } from "../texts/say.js";

/** Pixels: the least width of a card, its height for its width, the gap between two. */
export const DENSITIES = {
  list: { label: say("density.list"), glyph: "rows", least: Infinity, height: () => 60, gap: 6 },
  medium: {
    label: say("density.grid"),
    glyph: "grid",
    least: 156,
    height: (width) => width + 88,
    gap: 12,
  },
  large: {
    label: say("density.large"),
    glyph: "large",
    least: 250,
    height: (w) => w + 88,
    gap: 14,
  },
};
const HEADING = 44;

/**
 * Lines `{top, height, heading}` or `{top, height, from, count}`, and the whole's `height`.
 * `from` counts cards over all groups, in the order shown.
 */
export function layOut(groups, density, width) {
  const { least, height, gap } = DENSITIES[density];
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap))) || 1;
  const cardWidth = (width - gap * (columns - 1)) / columns;
  const cardHeight = Math.round(height(cardWidth));
  const lines = [];
  let top = 0;
  let from = 0;
  for (const { key, title, cards } of groups) {
    if (title) {
      lines.push({ top, height: HEADING, key, heading: `${title} (${cards.length})` });
      top += HEADING;
    }
    for (let start = 0; start < cards.length; start += columns) {
      const count = Math.min(columns, cards.length - start);
      lines.push({ top, height: cardHeight, from: from + start, count });
      top += cardHeight + gap;
    }
    from += cards.length;
  }
  return { lines, height: Math.max(0, top - gap), columns, cardWidth, cardHeight, gap };
}

/** The lines that overlap `from` to `to`, in pixels. */
export function linesBetween({ lines }, from, to) {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].top + lines[middle].height < from) low = middle + 1;
    else high = middle;
  }
  const found = [];
  for (let index = low; index < lines.length && lines[index].top <= to; index += 1) {
    found.push(lines[index]);
  }
  return found;
}

/** The number of the card one step away: left, right, up, down, page up, page down. */
export function neighbour(layout, index, key, visibleHeight) {
  const last =
    layout.lines.reduce((most, line) => Math.max(most, (line.from ?? -1) + (line.count ?? 0)), 0) -
    1;
  const rows = layout.lines.filter((line) => line.heading === undefined);
  const row = rows.findIndex((line) => index >= line.from && index < line.from + line.count);
  const page = Math.max(1, Math.floor(visibleHeight / (layout.cardHeight + layout.gap)) - 1);
  const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page };
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowLeft") return Math.max(0, index - 1);
  if (key === "ArrowRight") return Math.min(last, index + 1);
  const target = rows[Math.max(0, Math.min(rows.length - 1, row + steps[key]))];
  if (!target || row < 0) return index;
  return target.from + Math.min(index - rows[row].from, target.count - 1);
}
