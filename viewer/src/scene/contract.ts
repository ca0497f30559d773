/**
 * What the frame may ask of the scene. Types only: importing this file brings no Cesium with it.
 *
 * The scene *watches* the state: `layers`, `catalogue`, `at`, `known`, `scrub`, `now`, `mode`, `base`, `underground`,
 * `lang`, `dark`, `selected`, `hovered`, `highlighted`, `ring`, `tool`, and `loading[id].retry`.
 * The scene *writes* the state: `camera`, `cursor`, `metresPerPixel`, `picked`, `loading`, `toolResult`, `tool` (when a
 * drawing is finished or given up), `sceneError`.
 */
import type { BBox } from "../api/types";
import type { AppState, Camera, Hit, Place, ToolId } from "../state/app";

/** An extent, or a place seen from `range` metres away. Degrees; metres above the ellipsoid. */
export type Target =
  | { bbox: BBox; height?: number }
  | {
      lon: number;
      lat: number;
      height?: number | null;
      heading?: number;
      pitch?: number;
      range?: number;
    };

export interface SceneHandle {
  /** Move so that the target is in view; under a second, one easing. Resolves when the eye rests. */
  flyTo(target: Target): Promise<void>;
  /** Put the eye exactly there, at once (a link is opened). */
  look(camera: Camera): void;
  /** The view that the site lands on. */
  home(): Promise<void>;
  /** The view before the last move that was asked for. */
  back(): Promise<void>;
  /** Move sideways so that a place which is in view lies left of `right` and above `bottom`; CSS pixels of the map. */
  uncover(place: Place, free: { right: number; bottom: number }): Promise<void>;
  /** Everything under a pixel of the map (CSS pixels from its upper left corner), nearest first. */
  pickAt(x: number, y: number): Promise<Hit[]>;
  startTool(id: Exclude<ToolId, null>): void;
  /** Leave the tool; its finished result stays drawn until `clearTool`. */
  stopTool(): void;
  /** Take the results of tools off the map. */
  clearTool(): void;
  /** Turn so that north is up. */
  north(): Promise<void>;
  /** Factor of the distance to what is in the middle: 0.5 is nearer, 2 is further away. */
  zoom(factor: number): Promise<void>;
  /** West, south, east, north of what is in view; null when it looks past the earth. Degrees. */
  extent(): BBox | null;
  /** The map as it is now, a PNG. */
  screenshot(): Promise<Blob>;
  /** Keep this eye and another's at one place, whichever is moved, until the answer is called. */
  tie(other: SceneHandle): () => void;
  /** Resolves once nothing in view is being fetched or drawn any more. */
  settled(): Promise<void>;
  destroy(): void;
}

export type CreateScene = (container: HTMLElement, app: AppState) => Promise<SceneHandle>;

/** What a browser test may lean on, at `window.__twin`. */
export interface TwinWindow {
  app: AppState;
  scene: SceneHandle;
  /** What the pixel shows, without asking the server. */
  pick(x: number, y: number): Hit[];
  /** CSS pixels of a place, null when it is not in view. */
  pixel(lon: number, lat: number, height?: number): { x: number; y: number } | null;
  /** Cesium's own objects, for looking into when something is odd. */
  viewer: unknown;
}

declare global {
  interface Window {
    __twin?: TwinWindow;
  }
}
