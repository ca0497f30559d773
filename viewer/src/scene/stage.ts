/** What every drawing gets: the widget, the state, the palette and the moment. */
import type { CesiumWidget, ImageryLayer } from "cesium";
import type { ChangeEvent, LayerSummary, ObservationEvent } from "../api/types";
import type { AppState, LayerView } from "../state/app";
import type { Moment } from "./moment";
import type { Palette } from "./palette";

export interface Stage {
  widget: CesiumWidget;
  app: AppState;
  /** A machine without a graphics card: spare what costs much. */
  modest: boolean;
  palette(): Palette;
  moment(): Moment;
  /** Ids of a layer that are to be lit up: selected, and those of `highlighted`. */
  lit(layer: string): string[];
  /** Tell the frame how a layer is doing. */
  report(layer: string, state: "pending" | "ready" | "failed", reason?: string): void;
  /** Ask for a picture; nothing is drawn while nothing changes. */
  draw(): void;
}

/** One layer on the map. */
export interface Drawn {
  /** Visibility, opacity, classes, filter, selection, palette: whatever needs no fetching. */
  restyle(view: LayerView): void;
  /** Another moment, or the catalogue's row is another one. */
  refetch(summary: LayerSummary): void;
  /** The twin has changed in this layer. */
  changed?(event: ChangeEvent): void;
  observed?(event: ObservationEvent): void;
  /** What lies flat on the ground above the map, if this layer does: the tree's order is its stacking. */
  sheet?(): ImageryLayer | null;
  /** The eye has come to rest. */
  moved?(): void;
  destroy(): void;
}

/** A file in `layers/` that exports `DRAWING` draws the layers of a mode, or, before that, those of a kind. */
export interface Drawing {
  mode?: LayerSummary["draw"]["mode"];
  kind?: string;
  draw(stage: Stage, summary: LayerSummary): Drawn;
}
