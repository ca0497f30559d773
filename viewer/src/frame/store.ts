/** What the components share: the one state, the scene, and what is open in the frame. */
import { computed, reactive, shallowRef } from "vue";
import type { Moment } from "../api/client";
import type { LiveState } from "../api/live";
import type { Lang } from "../api/types";
import type { SceneHandle } from "../scene/contract";
import { createApp, type Hit, type Place } from "../state/app";
import type { Preset } from "../state/clock";

export const app = createApp();

/** The map, once it stands. */
export const scene = shallowRef<SceneHandle | null>(null);

export type SheetHeight = "low" | "half" | "full";

export const ui = reactive({
  /** The layer tree is open. */
  tree: true,
  /** The panel on the right, e.g. "about" or "layer:buildings". */
  panel: null as string | null,
  /** On a phone: which of the sheet's pages is in front, and how high it stands. */
  page: "layers" as "layers" | "card" | "clock" | "tools",
  sheet: "low" as SheetHeight,
  /** Where an incident is being reported. */
  reporting: null as Place | null,
  preset: "survey" as Preset,
  playing: false,
  live: "connecting" as LiveState,
  /** When the connection was lost, milliseconds since 1970. */
  lostAt: null as number | null,
  /** The catalogue could not be read: why. */
  failed: null as string | null,
  narrow: false,
  /** There is no WebGL 2: the map is pictures. */
  plain: false,
  /** What is chosen was chosen on the left side of a comparison. */
  before: false,
  /** Counts up when the open card should be read again. */
  stale: 0,
  searchFocus: 0,
});

export const lang = computed<Lang>(() => app.lang);

/** Both clocks, as reads want them; those of the left side while the card speaks of something there. */
export const moment = computed<Moment>(() => {
  const { at, known } = ui.before && app.compare ? app.compare : app;
  return { at, known };
});

export const isNow = computed(() => app.at === null && app.known === null);

/** The topmost network that is switched on. */
export const firstNetwork = computed(() =>
  app.catalogue
    .filter(({ id, kind, draw }) => kind === "networks" && draw.mode !== "none" && app.layers[id]?.visible)
    .sort((one, other) => (app.layers[one.id]?.order ?? 0) - (app.layers[other.id]?.order ?? 0))
    .at(0),
);

export function layerOf(id: string) {
  return app.catalogue.find((layer) => layer.id === id);
}

/** Show the card of something; its layer goes on, or there would be nothing to see. */
export function select(hit: Pick<Hit, "layer" | "id">): void {
  const view = app.layers[hit.layer];
  if (view) view.visible = true;
  app.selected = { layer: hit.layer, id: hit.id };
  ui.before = false;
  ui.panel = null;
  openCard();
}

export function openCard(): void {
  if (!ui.narrow) return;
  ui.page = "card";
  if (ui.sheet === "low") ui.sheet = "half";
}

export function closeCard(): void {
  app.selected = null;
  app.picked = null;
  app.ring = null;
  app.highlighted = {};
  if (ui.narrow) ui.sheet = "low";
}

export function openPanel(id: string | null): void {
  ui.panel = ui.panel === id ? null : id;
  if (ui.panel) openCard();
}
