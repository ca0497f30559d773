/** A ring of places, wider on every side. */
type Place = [number, number];

const metresPerDegree = 111_320;
/** A sharp corner moves no farther than this many times the distance. */
const farthest = 2;

/** The ring (not closed, degrees) so many metres wider, corner by corner; rings either way round. */
export function widened(ring: Place[], metres: number): Place[] {
  const n = ring.length;
  const middle = ring[0]?.[1] ?? 0;
  const east = metresPerDegree * Math.cos((middle * Math.PI) / 180);
  const flat = ring.map(([lon, lat]): Place => [lon * east, lat * metresPerDegree]);
  const at = (i: number) => flat[(i + n) % n] as Place;
  let twice = 0;
  for (let i = 0; i < n; i += 1) twice += at(i)[0] * at(i + 1)[1] - at(i + 1)[0] * at(i)[1];
  const side = Math.sign(twice) * metres;
  /** Outwards from the edge that begins at a corner, one long. */
  const normal = (i: number): Place => {
    const [dx, dy] = [at(i + 1)[0] - at(i)[0], at(i + 1)[1] - at(i)[1]];
    const length = Math.hypot(dx, dy) || 1;
    return [dy / length, -dx / length];
  };
  return flat.map(([x, y], i): Place => {
    const [a, b] = [normal(i - 1), normal(i)];
    const sum: Place = [a[0] + b[0], a[1] + b[1]];
    const along = Math.min(2 / Math.max(sum[0] ** 2 + sum[1] ** 2, 1e-9), farthest / 2 + 0.5);
    return [(x + sum[0] * along * side) / east, (y + sum[1] * along * side) / metresPerDegree];
  });
}
