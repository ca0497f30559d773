/** The layers on the map: made, restyled and taken away as the state says. */
import type { ImageryLayer } from "cesium";
import { watch } from "vue";
import { onLive } from "../api/live";
import type { ChangeEvent, LayerSummary } from "../api/types";
import type { AppState } from "../state/app";
import type { Drawing, Drawn, Stage } from "./stage";

const files = import.meta.glob<{ DRAWING?: Drawing }>(["../layers/*.ts", "!../layers/*.test.ts"], {
  eager: true,
});
const drawings = Object.values(files).flatMap(({ DRAWING }) => (DRAWING ? [DRAWING] : []));

function drawingOf({ kind, draw }: LayerSummary): Drawing | undefined {
  return (
    drawings.find((drawing) => drawing.kind === kind) ??
    drawings.find((drawing) => drawing.mode === draw.mode)
  );
}

/** Keep the map like the state until the answer is called. */
export function createBoard(stage: Stage): { moved(): void; close(): void } {
  const { app } = stage;
  const drawn = new Map<string, Drawn>();
  const restyle = (id: string) => {
    const view = app.layers[id];
    if (view) drawn.get(id)?.restyle({ ...view });
  };
  const restyleAll = () => {
    for (const id of drawn.keys()) restyle(id);
  };
  const open = (summary: LayerSummary) => {
    const drawing = drawingOf(summary);
    if (!drawing) {
      stage.report(summary.id, "failed", `draw.mode ${summary.draw.mode}?`);
      return;
    }
    drawn.set(summary.id, drawing.draw(stage, summary));
    restyle(summary.id);
  };
  const follow = (catalogue: LayerSummary[]) => {
    const ids = new Set(catalogue.map(({ id }) => id));
    for (const [id, layer] of drawn) {
      if (ids.has(id)) continue;
      layer.destroy();
      drawn.delete(id);
    }
    for (const summary of catalogue) {
      const layer = drawn.get(summary.id);
      if (layer) layer.refetch(summary);
      else open(summary);
    }
  };
  const inOrder = () => {
    const order = (id: string) => app.layers[id]?.order ?? 0;
    const ids = [...drawn.keys()].sort((one, other) => order(other) - order(one));
    stack(
      stage,
      ids.flatMap((id) => drawn.get(id)?.sheet?.() ?? []),
    );
  };
  const again = (id: string) => {
    drawn.get(id)?.destroy();
    drawn.delete(id);
    const summary = app.catalogue.find((layer) => layer.id === id);
    if (summary) open(summary);
  };
  const changed = (event: ChangeEvent) => drawn.get(event.layer)?.changed?.(event);
  const stops = [
    watch(() => app.catalogue, follow, { immediate: true }),
    watch(() => app.layers, restyleAll, { deep: true }),
    watch(
      () => [app.at, app.known],
      () => follow(app.catalogue),
    ),
    watch(
      () => [
        app.scrub,
        app.selected,
        app.highlighted,
        app.dark,
        app.underground,
        app.mode,
        app.base,
        app.lang,
      ],
      restyleAll,
      {
        deep: true,
      },
    ),
    watch(() => Object.values(app.layers).map(({ order }) => order), inOrder),
    // A picture enters on top or in its forerunner's place; the layer that it belongs to knows it a moment later.
    stage.widget.scene.imageryLayers.layerAdded.addEventListener(() => queueMicrotask(inOrder)),
    watchRetries(app, again),
    onLive("change", changed),
    onLive("observation", (event) => drawn.get(event.layer)?.observed?.(event)),
    onLive("gap", () => follow(app.catalogue)),
  ];
  return {
    moved() {
      for (const layer of drawn.values()) layer.moved?.();
    },
    close() {
      for (const stop of stops) stop();
      for (const layer of drawn.values()) layer.destroy();
      drawn.clear();
    },
  };
}

/** Lay pictures on the ground one above the other, the last on top; nothing moves where they lie so already. */
function stack({ widget, draw }: Stage, pictures: ImageryLayer[]): void {
  const { scene } = widget;
  if (scene.isDestroyed()) return;
  const places = pictures.map((picture) => scene.imageryLayers.indexOf(picture));
  if (places.every((place, n) => n === 0 || place > (places[n - 1] ?? 0))) return;
  for (const picture of pictures) scene.imageryLayers.raiseToTop(picture);
  draw();
}

/** A changed `retry` number asks for another try. */
function watchRetries(app: AppState, again: (id: string) => void): () => void {
  let before: Record<string, number> = {};
  return watch(
    () => Object.fromEntries(Object.entries(app.loading).map(([id, { retry }]) => [id, retry ?? 0])),
    (now) => {
      const asked = Object.keys(now).filter((id) => (now[id] ?? 0) > (before[id] ?? 0));
      before = now;
      for (const id of asked) again(id);
    },
  );
}
