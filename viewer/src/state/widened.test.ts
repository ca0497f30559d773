import { describe, expect, it } from "vitest";
import { widened } from "./widened";

const degree = 111_320;
const square = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
].map(([x, y]): [number, number] => [(x as number) / degree, (y as number) / degree]);

describe("a footprint that is cut out", () => {
  it("is wider by as much on every side, whichever way round it is written", () => {
    for (const ring of [square, [...square].reverse()]) {
      const wide = widened(ring, 1);
      const [xs, ys] = [0, 1].map((axis) => wide.map((place) => (place[axis] as number) * degree)) as [
        number[],
        number[],
      ];
      expect(Math.min(...xs)).toBeCloseTo(-1, 3);
      expect(Math.max(...xs)).toBeCloseTo(11, 3);
      expect(Math.min(...ys)).toBeCloseTo(-1, 3);
      expect(Math.max(...ys)).toBeCloseTo(11, 3);
    }
  });
  it("does not shoot out at a needle", () => {
    const needle: [number, number][] = [
      [0, 0],
      [1000 / degree, 1 / degree],
      [0, 2 / degree],
    ];
    for (const [lon] of widened(needle, 1)) expect(lon * degree).toBeLessThan(1004);
  });
});
