import { expect, test } from "vitest";
import { latOf, levelFor, metresOf, xOf, yOf } from "./mercator";

test("there and back, and the corners of the square", () => {
  for (const lat of [-85, -30.5, 0, 38.35, 84.9]) expect(latOf(yOf(lat))).toBeCloseTo(lat, 9);
  expect([xOf(-180), xOf(0), xOf(180), yOf(0)]).toEqual([0, 0.5, 1, 0.5]);
  expect(yOf(85.0511287798066)).toBeCloseTo(0, 9);
});

test("the tile of a place is the one of the tangent formula that map libraries print", () => {
  const lat = (39.9 * Math.PI) / 180;
  const known = (1 - Math.asinh(Math.tan(lat)) / Math.PI) / 2;
  expect(yOf(39.9)).toBeCloseTo(known, 12);
  expect(Math.floor(xOf(116.39) * 2 ** 10)).toBe(843);
});

test("a level fits what is asked, and one more would not", () => {
  const level = levelFor(10, 38);
  expect(metresOf({ lat: 38, level })).toBeGreaterThanOrEqual(10);
  expect(metresOf({ lat: 38, level: level + 1 })).toBeLessThan(10);
});
