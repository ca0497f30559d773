/** What the columns of layers are called: read once a layer and version. */
import { reactive } from "vue";
import { server } from "../api/client";
import type { Column } from "../api/types";
import { notify, sentence } from "./notices";
import { lang, layerOf } from "./store";

const known = reactive(new Map<string, Column[]>());
const asked = new Map<string, number>();

/** The columns of a layer: none until they are read, which this asks for. */
export function columnsOf(layer: string): Column[] {
  const version = layerOf(layer)?.version ?? 0;
  if (asked.get(layer) !== version) {
    asked.set(layer, version);
    server.layer(layer).then(
      ({ columns }) => known.set(layer, columns),
      (error: unknown) => notify(sentence(error), { tone: "bad" }),
    );
  }
  return known.get(layer) ?? [];
}

export function columnOf(layer: string, name: string): Column | undefined {
  return columnsOf(layer).find((column) => column.name === name);
}

export function columnTitle(layer: string, name: string): string {
  const column = columnOf(layer, name);
  return column?.title[lang.value] || column?.title.zh || name;
}
