/** What lies under a pixel: tiles and symbols from the picture, flat layers from the server. */
import { Cartesian2, type Cartesian3, Cesium3DTileFeature, type CesiumWidget, defined } from "cesium";
import { server } from "../api/client";
import type { AppState, Hit } from "../state/app";
import { groundUnder, placeOf } from "./camera";
import type { Stage } from "./stage";

/** How many things deep a click goes. */
const deep = 6;
/** Each of them is another picture, and those are slow without a graphics card. */
const shallow = 2;
/** How near to a line or an edge counts as on it; CSS pixels. */
const near = 6;

/** What our own symbols and shapes carry as their `id`. */
export interface Tag {
  twin: Hit;
}

const layerOf = new WeakMap<object, { layer: string; kind: string }>();

/** Say which layer a tileset shows. */
export function claim(primitive: object, layer: string, kind: string): void {
  layerOf.set(primitive, { layer, kind });
}

function isTag(value: unknown): value is Tag {
  return typeof value === "object" && value !== null && "twin" in value;
}

function properties(feature: Cesium3DTileFeature): Record<string, unknown> {
  return Object.fromEntries(feature.getPropertyIds().map((name) => [name, feature.getProperty(name)]));
}

function hitOf(picked: unknown): Hit | null {
  if (picked instanceof Cesium3DTileFeature) {
    const owner = layerOf.get(picked.tileset);
    if (!owner) return null;
    const id = String(picked.getProperty("id"));
    const title = picked.getProperty("name") as unknown;
    return { ...owner, id, title: title ? String(title) : id, properties: properties(picked) };
  }
  const id = (picked as { id?: unknown } | undefined)?.id;
  return isTag(id) ? id.twin : null;
}

function withoutDoubles(hits: Hit[]): Hit[] {
  const seen = new Set<string>();
  return hits.filter(({ layer, id }) => {
    const key = `${layer}\u0000${id}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What the picture shows at a pixel, nearest first. */
export function picturePick({ scene }: CesiumWidget, x: number, y: number, limit = deep): Hit[] {
  const found = scene.drillPick(new Cartesian2(x, y), limit, 5, 5) as unknown[];
  return withoutDoubles(found.map(hitOf).filter((hit) => hit !== null));
}

/** Only what lies on top, for the pointer; null for none. */
export function topPick({ scene }: CesiumWidget, x: number, y: number): Hit | null {
  return hitOf(scene.pick(new Cartesian2(x, y), 5, 5));
}

/** Where a click lands: on the thing that is seen, else on the ground. */
export function positionAt(widget: CesiumWidget, x: number, y: number, onThing: boolean): Cartesian3 | null {
  const pixel = new Cartesian2(x, y);
  const seen = onThing && widget.scene.pickPositionSupported ? widget.scene.pickPosition(pixel) : undefined;
  return defined(seen) ? seen : groundUnder(widget, pixel);
}

/** Flat layers that are switched on: their features are pixels in a picture, so the server must say what is there. */
function flatLayers(app: AppState): string[] {
  return app.catalogue
    .filter(({ id, draw }) => draw.mode === "flat" && app.layers[id]?.visible)
    .map(({ id }) => id);
}

async function serverPick(app: AppState, position: Cartesian3): Promise<Hit[]> {
  const layers = flatLayers(app);
  if (layers.length === 0) return [];
  const { lon, lat } = placeOf(position);
  const radius = Math.max(0.5, near * (app.metresPerPixel ?? 1));
  return server.pick({ lon, lat, radius, layers: layers.join(","), at: app.at, known: app.known });
}

/** Everything under a pixel, the picture's things before the ground's. */
export async function pickAll({ widget, app, modest }: Stage, x: number, y: number): Promise<Hit[]> {
  const seen = picturePick(widget, x, y, modest ? shallow : deep);
  const ground = groundUnder(widget, new Cartesian2(x, y));
  const flat = ground ? await serverPick(app, ground) : [];
  return withoutDoubles([...seen, ...flat]);
}
