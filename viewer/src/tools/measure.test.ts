import { expect, test } from "vitest";
import { area, distance, legs, rise } from "./measure";

const at = (lon: number, lat: number, height: number | null = 0) => ({ lon, lat, height });

// The strangers are GeographicLib's figures (pyproj.Geod, WGS 84).
test("lengths agree with the geodesic", () => {
  expect(distance(at(118.36, 38.35), at(118.4, 38.38))).toBeCloseTo(4828.073195, 3);
  expect(distance(at(118.36, 38.35), at(118.36, 38.38))).toBeCloseTo(3330.101844, 3);
  expect(distance(at(118.36, 38.35), at(118.4, 38.35))).toBeCloseTo(3496.535043, 3);
  expect(distance(at(118.3, 38.3), at(119.3, 38.5))).toBeCloseTo(90129.7257, 1);
});

test("the same place twice is no way", () => {
  expect(distance(at(118, 38), at(118, 38))).toBe(0);
});

test("legs are one fewer than points", () => {
  expect(legs([at(118.36, 38.35), at(118.4, 38.35), at(118.4, 38.38)])).toHaveLength(2);
});

test("areas agree with the geodesic polygon, whichever way round", () => {
  const ring = [at(118.36, 38.35), at(118.4, 38.35), at(118.4, 38.38), at(118.36, 38.38)];
  expect(area(ring) / 11641415.468).toBeCloseTo(1, 6);
  expect(area([...ring].reverse()) / 11641415.468).toBeCloseTo(1, 6);
  const small = [at(0, 60), at(0.001, 60), at(0.001, 60.001), at(0, 60.001)];
  expect(area(small) / 6216.71248).toBeCloseTo(1, 5);
});

test("an area across the date line is as large as elsewhere", () => {
  const ring = (west: number) => [
    at(west, 38),
    at(west + 0.1 - (west > 179 ? 360 : 0), 38),
    at(west + 0.1 - (west > 179 ? 360 : 0), 38.1),
    at(west, 38.1),
  ];
  expect(area(ring(179.95))).toBeCloseTo(area(ring(100)), 0);
});

test("a rise without heights is unknown and not zero", () => {
  expect(rise(at(118, 38, null), at(118, 38.001, 5)).vertical).toBeNull();
  expect(rise(at(118, 38, 3), at(118, 38, 8)).vertical).toBe(5);
});
