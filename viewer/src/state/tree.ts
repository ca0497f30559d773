/** The layer tree: themes, and under each its layers, by department. */
import type { Bilingual, LayerSummary } from "../api/types";
import type { LayerView } from "./app";

export interface Department {
  title: Bilingual | null;
  layers: LayerSummary[];
}

export interface Theme {
  id: string;
  title: Bilingual;
  departments: Department[];
  /** All layers of the theme, in order. */
  layers: LayerSummary[];
}

/** How the server wants a layer shown, before anyone has touched it. */
export function viewOf(layer: LayerSummary, order: number): LayerView {
  return { visible: layer.draw.visible, opacity: layer.draw.opacity, order, hidden: [], filter: null };
}

/** Themes in the order of their first layer; departments likewise within a theme. */
export function treeOf(layers: LayerSummary[], views: Record<string, LayerView>): Theme[] {
  const sorted = [...layers].sort(
    (one, other) => (views[one.id]?.order ?? 0) - (views[other.id]?.order ?? 0),
  );
  const themes = new Map<string, Theme>();
  for (const layer of sorted) {
    const { id, zh, en } = layer.theme;
    const theme = themes.get(id) ?? { id, title: { zh, en }, departments: [], layers: [] };
    themes.set(id, theme);
    theme.layers.push(layer);
    const department = theme.departments.find((one) => one.title?.zh === layer.department?.zh);
    if (department) department.layers.push(layer);
    else theme.departments.push({ title: layer.department, layers: [layer] });
  }
  return [...themes.values()];
}

/** New positions after `moved` was dropped in front of (or behind) `target`. */
export function reorder(
  views: Record<string, LayerView>,
  moved: string,
  target: string,
  behind: boolean,
): Record<string, number> {
  const ids = Object.keys(views).sort((one, other) => (views[one]?.order ?? 0) - (views[other]?.order ?? 0));
  const rest = ids.filter((id) => id !== moved);
  const place = rest.indexOf(target) + (behind ? 1 : 0);
  if (moved !== target) rest.splice(place, 0, moved);
  return Object.fromEntries((moved === target ? ids : rest).map((id, order) => [id, order]));
}

/** Overdue: it should have been renewed, and has not. */
export function isOverdue(layer: LayerSummary, now: string): boolean {
  return layer.due !== null && new Date(layer.due).getTime() < new Date(now).getTime();
}

/** Whether words typed into the tree's filter are in a layer's names. */
export function layerMatches(layer: LayerSummary, words: string): boolean {
  const text = [
    layer.id,
    layer.title.zh,
    layer.title.en,
    layer.theme.zh,
    layer.theme.en,
    layer.department?.zh,
  ]
    .join(" ")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/u)
    .every((word) => text.includes(word));
}
