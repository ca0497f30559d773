/** A scale of depth for a tilted view. Pure figures. */

export interface DepthTick {
  /** Metres below the ground. */
  depth: number;
  /** CSS pixels below the scale's zero. */
  at: number;
}

const steps = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
/** CSS pixels: ticks stand at least so far apart, and the scale is at most so long. */
const apart = 26;
const longest = 150;

/**
 * Ticks for the middle of a picture.
 *
 * A vertical metre is as long there as a level one, shortened by the tilt: nothing from straight above, all of it from
 * the side. Without exaggeration.
 */
export function depthTicks(metresPerPixel: number, pitch: number): DepthTick[] {
  const perMetre = Math.cos((pitch * Math.PI) / 180) / metresPerPixel;
  const step = steps.find((one) => one * perMetre >= apart);
  if (!step || !Number.isFinite(perMetre)) return [];
  const count = Math.floor(longest / (step * perMetre));
  return Array.from({ length: count + 1 }, (_, n) => ({ depth: n * step, at: n * step * perMetre }));
}
