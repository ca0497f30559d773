import { area } from "./measure";
import { sayArea, type Tool } from "./tool";

/** The four corners of the box (along the meridians) between two opposite ones, counter-clockwise; degrees. */
export function boxOf(points: readonly { lon: number; lat: number }[]): [number, number][] {
  const [one, other] = [points[0], points.at(-1)];
  if (!one || !other) return [];
  const [west, east] = [Math.min(one.lon, other.lon), Math.max(one.lon, other.lon)];
  const [south, north] = [Math.min(one.lat, other.lat), Math.max(one.lat, other.lat)];
  return [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ];
}

const ringOf = (points: readonly { lon: number; lat: number }[]) =>
  boxOf(points).map(([lon, lat]) => ({ lon, lat, height: null }));

export const TOOL: Tool = {
  id: "box",
  shape: "box",
  points: 2,
  figures: (points) => ({ value: area(ringOf(points)) }),
  label: (points) => sayArea(area(ringOf(points))),
};
