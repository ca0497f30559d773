/** Lengths and areas on the ellipsoid; degrees and metres in, metres out. No map library here. */

export interface Point {
  lon: number;
  lat: number;
  /** Metres. */
  height: number | null;
}

const a = 6_378_137;
const e2 = 0.006_694_379_990_141_316_5;
const e = Math.sqrt(e2);
/** Radius of the sphere that has the ellipsoid's surface; metres. */
const authalicRadius = 6_371_007.180_918_474;
const rad = Math.PI / 180;

function ecef({ lon, lat }: Point): [number, number, number] {
  const sin = Math.sin(lat * rad);
  const cos = Math.cos(lat * rad);
  const n = a / Math.sqrt(1 - e2 * sin * sin);
  return [n * cos * Math.cos(lon * rad), n * cos * Math.sin(lon * rad), n * (1 - e2) * sin];
}

/**
 * Metres along the ellipsoid between two places, heights left out.
 *
 * The chord is exact and the arc over it is taken with the mean radius of curvature: within 1e-7 of the geodesic up to
 * 100 km.
 */
export function distance(from: Point, to: Point): number {
  const [p, q] = [ecef(from), ecef(to)];
  const chord = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  if (chord === 0) return 0;
  const r = radiusAlong(from, to);
  return 2 * r * Math.asin(Math.min(1, chord / (2 * r)));
}

/** Radius of curvature in the middle of the way, in its direction (Euler). */
function radiusAlong(from: Point, to: Point): number {
  const lat = ((from.lat + to.lat) / 2) * rad;
  const w = Math.sqrt(1 - e2 * Math.sin(lat) ** 2);
  const meridian = (a * (1 - e2)) / w ** 3;
  const prime = a / w;
  const azimuth = Math.atan2((to.lon - from.lon) * Math.cos(lat) * prime, (to.lat - from.lat) * meridian);
  return 1 / (Math.cos(azimuth) ** 2 / meridian + Math.sin(azimuth) ** 2 / prime);
}

/** Length of each leg of a line. */
export function legs(points: readonly Point[]): number[] {
  return points.slice(1).map((point, i) => distance(points[i] as Point, point));
}

export const total = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0);

/** Snyder 3-12: the part of the ellipsoid's surface below a latitude. */
function q(lat: number): number {
  const sin = Math.sin(lat);
  return (1 - e2) * (sin / (1 - e2 * sin * sin) + Math.log((1 + e * sin) / (1 - e * sin)) / (2 * e));
}

/**
 * Square metres inside a ring (open or closed, any direction) on the ellipsoid.
 *
 * Lambert's cylindrical equal-area projection on the authalic sphere (Snyder 10), with edges split so that a straight line
 * on the map and the straight line on the ground agree.
 */
export function area(ring: readonly Point[]): number {
  if (ring.length < 3) return 0;
  const origin = ring[0] as Point;
  const pole = q(Math.PI / 2);
  const flat = ring.flatMap((point, i) => split(point, ring[(i + 1) % ring.length] as Point));
  const xy = flat.map(({ lon, lat }) => {
    const away = ((((lon - origin.lon + 540) % 360) + 360) % 360) - 180;
    return [authalicRadius * away * rad, authalicRadius * (q(lat * rad) / pole)] as const;
  });
  const twice = xy.reduce((sum, [x, y], i) => {
    const [u, v] = xy[(i + 1) % xy.length] as readonly [number, number];
    return sum + (x * v - u * y);
  }, 0);
  return Math.abs(twice) / 2;
}

/** The edge's start and points on it, on the chord, about every 2 km. */
function split(from: Point, to: Point): Point[] {
  const count = Math.max(1, Math.min(64, Math.ceil(distance(from, to) / 2000)));
  const [p, r] = [ecef(from), ecef(to)];
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return from;
    const t = i / count;
    const [x, y, z] = [0, 1, 2].map((k) => (p[k] as number) * (1 - t) + (r[k] as number) * t) as [
      number,
      number,
      number,
    ];
    return {
      lon: Math.atan2(y, x) / rad,
      lat: Math.atan2(z, Math.hypot(x, y) * (1 - e2)) / rad,
      height: null,
    };
  });
}

export interface Rise {
  /** Metres, positive when the second point is higher; null where a height is unknown. */
  vertical: number | null;
  horizontal: number;
  /** Degrees; null where a height is unknown. */
  slope: number | null;
}

export function rise(from: Point, to: Point): Rise {
  const horizontal = distance(from, to);
  if (from.height === null || to.height === null) return { vertical: null, horizontal, slope: null };
  const vertical = to.height - from.height;
  return { vertical, horizontal, slope: Math.atan2(Math.abs(vertical), horizontal) / rad };
}
