/**
 * The panels on the right. A panel is one file here: a component that also exports `panel`.
 *
 * A panel is opened by its id, or by "id:argument"; the argument comes as a prop.
 */
import type { Component } from "vue";
import type { Bilingual } from "../api/types";

export interface Panel {
  id: string;
  title: Bilingual;
}

interface PanelFile {
  panel: Panel;
  default: Component;
}

const files = import.meta.glob<PanelFile>("./*.vue", { eager: true });
const found = new Map(Object.values(files).map((file) => [file.panel.id, file]));

export function panelOf(name: string | null): (Panel & { component: Component; argument: string }) | null {
  const [id = "", ...rest] = (name ?? "").split(":");
  const file = found.get(id);
  return file ? { ...file.panel, component: file.default, argument: rest.join(":") } : null;
}
