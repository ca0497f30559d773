/** What several components do: tools, flights, links, looking below ground. */

import type { BBox } from "../api/types";
import { i18n } from "../i18n";
import type { Place, ToolId } from "../state/app";
import { tableOf } from "../state/table";
import { viewLink } from "./boot";
import { notify } from "./notices";
import { reveal } from "./reveal";
import { app, layerOf, scene, ui } from "./store";

export function setTool(id: ToolId): void {
  if (id && app.toolResult) scene.value?.clearTool();
  app.toolResult = null;
  app.tool = id;
}

/** What the map shows, degrees; null before there is a map. */
export function windowOf(): BBox | null {
  // Where the eye rests is what the window depends on.
  return app.camera ? (scene.value?.extent() ?? null) : null;
}

/** Open a layer's table, or close it. */
export function toggleTable(layer?: string): void {
  const first = app.catalogue.find(({ id, geometry }) => geometry !== "Raster" && app.layers[id]?.visible);
  const wanted = layer ?? app.selected?.layer ?? first?.id;
  app.table = app.table && (!layer || app.table.layer === layer) ? null : wanted ? tableOf(wanted) : null;
}

/** Put two moments side by side: the first survey and what is looked at; or end that. */
export function toggleCompare(): void {
  if (app.compare) {
    app.compare = null;
    if (ui.panel === "changes") ui.panel = null;
    return;
  }
  const first = app.site?.epochs[0]?.at ?? app.catalogue.find(({ time }) => time?.from)?.time?.from ?? null;
  app.compare = { how: "swipe", at: first, known: null, split: 0.5 };
  ui.panel = "changes";
}

/** Put text on the clipboard; on plain HTTP, where there is no clipboard API, by a hidden field. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyByField(text),
    );
  }
  return copyByField(text);
}

function copyByField(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  field.style.opacity = "0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

export async function copyViewLink(): Promise<void> {
  const copied = await copyText(viewLink());
  const { t } = i18n.global;
  notify(copied ? t("header.copied") : t("header.copyFailed"), { tone: copied ? "good" : "bad" });
}

export async function savePicture(): Promise<void> {
  const picture = await scene.value?.screenshot();
  if (!picture) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(picture);
  link.download = `onemap-${app.now.slice(0, 19).replace(/:/gu, "")}.png`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Pipes on, the ground translucent, looking down from close by. */
export async function lookBelow(lon: number, lat: number, height: number | null | undefined): Promise<void> {
  for (const layer of app.catalogue)
    if (layer.kind === "networks") {
      const view = app.layers[layer.id];
      if (view) view.visible = true;
    }
  app.underground = true;
  await scene.value?.flyTo({ lon, lat, height: height ?? null, pitch: -58, range: 160 });
  await reveal(lon, lat, height ?? null);
}

/** Go to a thing whose card is open: it comes to lie beside the card. */
export async function flyToThing(place: Place, range: number): Promise<void> {
  await scene.value?.flyTo({ ...place, range });
  await reveal(place.lon, place.lat, place.height);
}

export async function flyToLayer(id: string): Promise<void> {
  const bbox = layerOf(id)?.bbox;
  if (bbox) await scene.value?.flyTo({ bbox });
}
