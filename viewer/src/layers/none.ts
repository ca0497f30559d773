/** Tables without a place: listed and searched, never drawn. */
import type { Drawing } from "../scene/stage";

export const DRAWING: Drawing = {
  mode: "none",
  draw(stage, { id }) {
    stage.report(id, "ready");
    return { restyle: () => undefined, refetch: () => undefined, destroy: () => undefined };
  },
};
