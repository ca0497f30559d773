/** Web Mercator (EPSG:3857) as a square from 0 to 1, the north-west corner at 0, 0. */

export interface View {
  lon: number;
  lat: number;
  level: number;
}

export const xOf = (lon: number) => (lon + 180) / 360;

export function yOf(lat: number): number {
  const sin = Math.sin((lat * Math.PI) / 180);
  return 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI);
}

export const latOf = (y: number) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

const around = 40_075_016.686;

/** Metres on the ground for a pixel of 256 a tile. */
export function metresOf({ lat, level }: Omit<View, "lon">): number {
  return (around * Math.cos((lat * Math.PI) / 180)) / (256 * 2 ** level);
}

/** The deepest level whose pixel is at least so many metres. */
export function levelFor(metres: number, lat: number): number {
  return Math.floor(Math.log2(metresOf({ lat, level: 0 }) / metres));
}
