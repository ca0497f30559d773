/** Terrain: the composite ground is the globe itself, so a terrain layer has nothing of its own to draw. */
import type { Drawing } from "../scene/stage";

export const DRAWING: Drawing = {
  mode: "terrain",
  draw(stage, { id }) {
    stage.report(id, "ready");
    return { restyle: () => undefined, refetch: () => undefined, destroy: () => undefined };
  },
};
