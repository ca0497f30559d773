/** Points that would lie on each other become one. Pure figures: no map library here. */

export interface Spot {
  lon: number;
  lat: number;
}

export interface Cluster<P extends Spot> {
  lon: number;
  lat: number;
  members: P[];
}

const metresPerDegree = 111_320;

/**
 * Group points by square cells of `cell` metres; a cell of 0 keeps each alone.
 *
 * The cells hang on the globe and not on the view, so panning does not shuffle the groups; a group stands at its
 * members' mean.
 */
export function cluster<P extends Spot>(points: readonly P[], cell: number): Cluster<P>[] {
  if (cell <= 0) return points.map((point) => ({ lon: point.lon, lat: point.lat, members: [point] }));
  const cells = new Map<string, P[]>();
  for (const point of points) {
    const across = metresPerDegree * Math.cos((Math.round(point.lat) * Math.PI) / 180);
    const key = `${Math.floor((point.lon * across) / cell)} ${Math.floor((point.lat * metresPerDegree) / cell)}`;
    const members = cells.get(key);
    if (members) members.push(point);
    else cells.set(key, [point]);
  }
  return [...cells.values()].map((members) => ({
    lon: members.reduce((sum, { lon }) => sum + lon, 0) / members.length,
    lat: members.reduce((sum, { lat }) => sum + lat, 0) / members.length,
    members,
  }));
}

/** A cell size that grows in steps of two, so that a small zoom regroups nothing. */
export function cellFor(metresPerPixel: number, pixels: number): number {
  return 2 ** Math.round(Math.log2(Math.max(metresPerPixel, 1e-3) * pixels));
}
