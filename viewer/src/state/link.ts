/** The whole view in the hash of the address: short, exact, readable. */

import type { Lang } from "../api/types";
import type { Area, Base, Camera, Compare, LayerFilter, LayerView, Mode, Selected } from "./app";
import { decodeStyle, encodeStyle, type LayerStyle } from "./styling";
import { decodeRing, decodeTable, encodeRing, encodeTable, type TableView } from "./table";

export interface LinkedLayer {
  id: string;
  opacity: number;
  hidden: string[];
  filter: LayerFilter | null;
  style?: LayerStyle;
}

export interface Link {
  camera: Camera | null;
  mode: Mode;
  base: Base;
  underground: boolean;
  at: string | null;
  known: string | null;
  /** The layers that are on, from the top down; null: as the server has them. */
  layers: LinkedLayer[] | null;
  selected: Selected | null;
  /** The ground that was clicked, when nothing is selected; degrees. */
  place: { lon: number; lat: number } | null;
  panel: string | null;
  table: TableView | null;
  area: Area | null;
  profile: Area | null;
  clip: Area | null;
  compare: Compare | null;
  lang: Lang;
}

export const emptyLink: Link = {
  camera: null,
  mode: "3d",
  base: "map",
  underground: false,
  at: null,
  known: null,
  layers: null,
  selected: null,
  place: null,
  panel: null,
  table: null,
  area: null,
  profile: null,
  clip: null,
  compare: null,
  lang: "zh",
};

const e = encodeURIComponent;

/** A text that is not percent-encoded as it should be stands for itself. */
function plain(text: string): string {
  return /%(?![0-9a-f]{2})/iu.test(text) ? text : decodeSafely(text);
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    // Well-formed escapes can still be no UTF-8; a link typed by hand must not stop the map.
    if (cause instanceof URIError) return text;
    throw cause;
  }
}

/** A centimetre on the ground and in height, a hundredth of a degree. */
const digits: [keyof Camera, number][] = [
  ["lon", 7],
  ["lat", 7],
  ["height", 2],
  ["heading", 2],
  ["pitch", 2],
];

function encodeCamera(camera: Camera): string {
  // Rounding may turn 359.999 into a full circle, which is north.
  const heading = Number((((camera.heading % 360) + 360) % 360).toFixed(2)) % 360;
  const whole = { ...camera, heading };
  return digits.map(([key, places]) => String(Number(whole[key].toFixed(places)))).join(",");
}

function decodeCamera(text: string): Camera | null {
  const values = text.split(",").map(Number);
  if (values.length !== digits.length || values.some((value) => !Number.isFinite(value))) return null;
  const [lon, lat, height, heading, pitch] = values as [number, number, number, number, number];
  if (Math.abs(lon) > 180 || Math.abs(lat) > 90 || Math.abs(pitch) > 90) return null;
  return { lon, lat, height, heading, pitch };
}

const bound = (value: number | null) => (value === null ? "" : String(value));
const unbound = (text: string | undefined) => (text && Number.isFinite(Number(text)) ? Number(text) : null);

function encodeLayer(layer: LinkedLayer): string {
  const parts = [e(layer.id)];
  if (layer.opacity !== 1) parts.push(`o${Math.round(layer.opacity * 100)}`);
  if (layer.hidden.length > 0) parts.push(`h${layer.hidden.map(e).join(":")}`);
  if (layer.filter)
    parts.push(`f${e(layer.filter.column)}:${bound(layer.filter.min)}:${bound(layer.filter.max)}`);
  if (layer.style) parts.push(`s${encodeStyle(layer.style)}`);
  return parts.join(";");
}

function decodeLayer(text: string): LinkedLayer {
  const [id = "", ...parts] = text.split(";");
  const layer: LinkedLayer = { id: plain(id), opacity: 1, hidden: [], filter: null };
  for (const part of parts) {
    const rest = part.slice(1);
    if (part[0] === "o") layer.opacity = Math.min(1, Math.max(0, (unbound(rest) ?? 100) / 100));
    if (part[0] === "h") layer.hidden = rest.split(":").map(plain);
    if (part[0] === "f") {
      const [column = "", min, max] = rest.split(":");
      layer.filter = { column: plain(column), min: unbound(min), max: unbound(max) };
    }
    if (part[0] === "s") {
      const style = decodeStyle(rest, plain);
      if (style) layer.style = style;
    }
  }
  return layer;
}

/** An ISO moment without what says nothing: midnight UTC is its date. */
const shortTime = (iso: string) => iso.replace(/T00:00:00(?:\.0+)?Z$/u, "").replace(/\.0+Z$/u, "Z");

function longTime(text: string): string | null {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time.toISOString().replace(".000Z", "Z");
}

/** The hash, without "#". */
export function encodeLink(link: Link): string {
  const parts: string[] = [];
  if (link.camera) parts.push(`c=${encodeCamera(link.camera)}`);
  if (link.mode !== "3d") parts.push(`m=${link.mode}`);
  if (link.base !== "map") parts.push(`b=${link.base}`);
  if (link.underground) parts.push("u=1");
  if (link.at) parts.push(`t=${shortTime(link.at)}`);
  if (link.known) parts.push(`k=${shortTime(link.known)}`);
  if (link.layers) parts.push(`l=${link.layers.map(encodeLayer).join(",")}`);
  if (link.selected) parts.push(`s=${e(link.selected.layer)}/${e(link.selected.id)}`);
  else if (link.place) parts.push(`s=@${link.place.lon.toFixed(6)},${link.place.lat.toFixed(6)}`);
  if (link.panel) parts.push(`p=${e(link.panel)}`);
  if (link.table) parts.push(`q=${encodeTable(link.table)}`);
  if (link.area) parts.push(`a=${encodeRing(link.area)}`);
  if (link.profile) parts.push(`f=${encodeRing(link.profile)}`);
  if (link.clip) parts.push(`x=${encodeRing(link.clip)}`);
  if (link.compare) parts.push(`d=${encodeCompare(link.compare)}`);
  if (link.lang !== "zh") parts.push(`g=${link.lang}`);
  return parts.join("&");
}

/** `swipe;t2021-07-01;k2023;w60`. */
function encodeCompare({ how, at, known, split }: Compare): string {
  const parts: string[] = [how];
  if (at) parts.push(`t${shortTime(at)}`);
  if (known) parts.push(`k${shortTime(known)}`);
  if (split !== 0.5) parts.push(`w${Math.round(split * 100)}`);
  return parts.join(";");
}

function decodeCompare(text: string): Compare | null {
  const [how, ...parts] = text.split(";");
  if (how !== "swipe" && how !== "panes") return null;
  const compare: Compare = { how, at: null, known: null, split: 0.5 };
  for (const part of parts) {
    const rest = plain(part.slice(1));
    if (part[0] === "t") compare.at = longTime(rest);
    if (part[0] === "k") compare.known = longTime(rest);
    if (part[0] === "w") compare.split = Math.min(1, Math.max(0, (unbound(rest) ?? 50) / 100));
  }
  return compare;
}

function decodePlace(text: string): Link["place"] {
  const [lon, lat] = text.startsWith("@") ? text.slice(1).split(",").map(Number) : [];
  if (lon === undefined || lat === undefined || !(Math.abs(lon) <= 180) || !(Math.abs(lat) <= 90))
    return null;
  return { lon, lat };
}

function decodeSelected(text: string): Selected | null {
  const [layer, id] = text.split("/").map(plain);
  return layer && id ? { layer, id } : null;
}

/** What a hash says; what it does not say, or says wrongly, is as in `emptyLink`. */
export function decodeLink(hash: string): Link {
  const parts = hash
    .replace(/^#/u, "")
    .split("&")
    .map((part): [string, string] => {
      const cut = part.indexOf("=");
      return cut < 0 ? [part, ""] : [part.slice(0, cut), part.slice(cut + 1)];
    });
  const said = new Map(parts);
  const layers = said.get("l");
  return {
    camera: decodeCamera(said.get("c") ?? ""),
    mode: said.get("m") === "2d" ? "2d" : "3d",
    base: said.get("b") === "imagery" ? "imagery" : "map",
    underground: said.get("u") === "1",
    at: longTime(plain(said.get("t") ?? "")),
    known: longTime(plain(said.get("k") ?? "")),
    layers: layers === undefined ? null : layers.split(",").filter(Boolean).map(decodeLayer),
    selected: decodeSelected(said.get("s") ?? ""),
    place: decodePlace(said.get("s") ?? ""),
    panel: plain(said.get("p") ?? "") || null,
    table: decodeTable(said.get("q") ?? "", plain),
    area: decodeRing(said.get("a") ?? ""),
    profile: decodeRing(said.get("f") ?? ""),
    clip: decodeRing(said.get("x") ?? ""),
    compare: decodeCompare(said.get("d") ?? ""),
    lang: said.get("g") === "en" ? "en" : "zh",
  };
}

/** The layers that are on, from the top of the tree down. */
export function linkedLayers(views: Record<string, LayerView>): LinkedLayer[] {
  const on = Object.entries(views).filter(([, view]) => view.visible);
  on.sort(([, one], [, other]) => one.order - other.order);
  return on.map(([id, { opacity, hidden, filter, style }]) => ({
    id,
    opacity,
    hidden: [...hidden],
    filter,
    ...(style ? { style } : {}),
  }));
}
