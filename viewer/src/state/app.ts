/** The one reactive state: the frame and the scene talk through it, and the link in the address bar is made of it. */
import { reactive } from "vue";
import type { Lang, LayerSummary, Site } from "../api/types";
import type { LayerStyle } from "./styling";
import type { TableView } from "./table";

export type Mode = "3d" | "2d";
export type Base = "map" | "imagery";
export type ToolId =
  | "distance"
  | "area"
  | "height"
  | "incident"
  | "box"
  | "polygon"
  | "profile"
  | "clip"
  | null;

/** Where the eye is: degrees, metres above the ellipsoid. Heading 0 is north, pitch -90 straight down. */
export interface Camera {
  lon: number;
  lat: number;
  height: number;
  heading: number;
  pitch: number;
}

/** A place on the map; height in metres, null where nothing is known. */
export interface Place {
  lon: number;
  lat: number;
  height: number | null;
}

/** Something that was clicked; the id is the API's id. */
export interface Hit {
  layer: string;
  id: string;
  kind: string;
  title: string;
  lon?: number;
  lat?: number;
  height?: number | null;
  /** Metres from the click, when the server was asked. */
  distance?: number;
  properties?: Record<string, unknown>;
}

/** One click: where, and everything under it (empty: ground). */
export interface Picked {
  place: Place | null;
  hits: Hit[];
}

export interface Selected {
  layer: string;
  id: string;
}

/** A range of one column; null means open. */
export interface LayerFilter {
  column: string;
  min: number | null;
  max: number | null;
}

/** How a person wants one layer. */
export interface LayerView {
  visible: boolean;
  /** 0 to 1. */
  opacity: number;
  /** Position from the top of the tree; smaller is drawn above. */
  order: number;
  /** Legend values (as text, see `classKey`) that are switched off. */
  hidden: string[];
  filter: LayerFilter | null;
  /** Colours that somebody chose in place of the server's; none is the server's. */
  style?: LayerStyle | null;
  /** What a point cloud is coloured by. */
  colour?: PointColour;
  /** Buildings: not drawn, but lit up and picked on the mesh (单体化). */
  onMesh?: boolean;
  /** A mesh: cut out where a building that is drawn stands. */
  cut?: boolean;
}

export type PointColour = "class" | "height" | "intensity" | "rgb";

export interface Loading {
  state: "pending" | "ready" | "failed";
  /** Why it failed, a sentence for people. */
  reason?: string;
  /** Changing this number asks the scene to try again. */
  retry?: number;
}

export interface ToolResult {
  tool: Exclude<ToolId, null>;
  /** Metres, square metres or metres; by `tool`. */
  value: number | null;
  /** Further figures, e.g. horizontal and vertical parts of a height; metres. */
  parts?: { name: "horizontal" | "vertical" | "perimeter" | "slope" | "segments"; value: number }[];
  points: Place[];
  /** False while the hand is still drawing. */
  done: boolean;
}

/** Two moments side by side: this one on the left, the map's own clock on the right. */
export interface Compare {
  how: "swipe" | "panes";
  /** Valid time of the left side, RFC 3339; null is now. */
  at: string | null;
  known: string | null;
  /** Where the divider of the swipe stands, 0 to 1. */
  split: number;
}

/** A ring without its last corner; degrees. */
export type Area = [number, number][];

export interface AppState {
  site: Site | null;
  catalogue: LayerSummary[];
  layers: Record<string, LayerView>;
  /** Valid time that is looked at, RFC 3339; null is now, live. */
  at: string | null;
  /** "As known on"; null is now. */
  known: string | null;
  /** The moment that the slider is at while it is dragged, RFC 3339; null when it rests (then `at` counts). */
  scrub: string | null;
  /** The server's now, RFC 3339. */
  now: string;
  mode: Mode;
  base: Base;
  underground: boolean;
  lang: Lang;
  dark: boolean;
  selected: Selected | null;
  hovered: Selected | null;
  picked: Picked | null;
  /** Written by the scene when a move ends. */
  camera: Camera | null;
  /** Written by the scene under the pointer. */
  cursor: Place | null;
  /** Metres on the ground for one CSS pixel in the middle of the view; written by the scene. */
  metresPerPixel: number | null;
  /** What each layer is doing; written by the scene. */
  loading: Record<string, Loading>;
  tool: ToolId;
  toolResult: ToolResult | null;
  /** A circle to show (impact radius); metres. */
  ring: { lon: number; lat: number; radius: number } | null;
  /** Ids to light up beside the selected one, by layer. */
  highlighted: Record<string, string[]>;
  /** The attribute table that is open. */
  table: TableView | null;
  /** What was drawn around things in order to choose them. */
  area: Area | null;
  /** The line of a terrain profile; degrees. */
  profile: Area | null;
  /** No body outside of this ring is drawn. */
  clip: Area | null;
  compare: Compare | null;
  /** The scene could not start: why. */
  sceneError: string | null;
}

export function createApp(): AppState {
  return reactive<AppState>({
    site: null,
    catalogue: [],
    layers: {},
    at: null,
    known: null,
    scrub: null,
    now: new Date().toISOString(),
    mode: "3d",
    base: "map",
    underground: false,
    lang: "zh",
    dark: false,
    selected: null,
    hovered: null,
    picked: null,
    camera: null,
    cursor: null,
    metresPerPixel: null,
    loading: {},
    tool: null,
    toolResult: null,
    ring: null,
    highlighted: {},
    table: null,
    area: null,
    profile: null,
    clip: null,
    compare: null,
    sceneError: null,
  });
}

/** The key under which a legend value is switched on and off. */
export function classKey(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}
