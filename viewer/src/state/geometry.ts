/** The little that the frame needs to know of GeoJSON: where a thing is, and how far it reaches. */
import type { BBox, Geometry } from "../api/types";

type Numbers = number | Numbers[];

/** Calls `see` with every position of a geometry: longitude, latitude, and height if there is one. */
export function eachPosition(
  geometry: Geometry,
  see: (lon: number, lat: number, height?: number) => void,
): void {
  for (const part of geometry.geometries ?? []) eachPosition(part, see);
  const walk = (numbers: Numbers) => {
    if (!Array.isArray(numbers)) return;
    const [lon, lat, height] = numbers;
    if (typeof lon === "number" && typeof lat === "number")
      see(lon, lat, typeof height === "number" ? height : undefined);
    else for (const inner of numbers) walk(inner);
  };
  if (geometry.coordinates) walk(geometry.coordinates as Numbers);
}

/** West, south, east, north in degrees; null for an empty geometry. */
export function extentOf(geometry: Geometry | null): BBox | null {
  if (!geometry) return null;
  const box: BBox = [Infinity, Infinity, -Infinity, -Infinity];
  eachPosition(geometry, (lon, lat) => {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  });
  return Number.isFinite(box[0]) ? box : null;
}

/** The middle of the extent, degrees; the height (metres) of the first position that has one. */
export function middleOf(
  geometry: Geometry | null,
): { lon: number; lat: number; height: number | null } | null {
  const box = extentOf(geometry);
  if (!box || !geometry) return null;
  let height: number | null = null;
  eachPosition(geometry, (_lon, _lat, z) => {
    height ??= z ?? null;
  });
  return { lon: (box[0] + box[2]) / 2, lat: (box[1] + box[3]) / 2, height };
}

/** The longer side of an extent, metres. */
export function spanOf(box: BBox): number {
  const metresPerDegree = 111_320;
  const width = (box[2] - box[0]) * Math.cos((((box[1] + box[3]) / 2) * Math.PI) / 180);
  return Math.max(width, box[3] - box[1]) * metresPerDegree;
}
