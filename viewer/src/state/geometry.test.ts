import { expect, test } from "vitest";
import { extentOf, middleOf, spanOf } from "./geometry";

test("a polygon with a hole reaches as far as its shell", () => {
  const geometry = {
    type: "Polygon",
    coordinates: [
      [
        [1, 2],
        [5, 2],
        [5, 6],
        [1, 6],
        [1, 2],
      ],
      [
        [2, 3],
        [3, 3],
        [3, 4],
        [2, 3],
      ],
    ],
  };
  expect(extentOf(geometry)).toEqual([1, 2, 5, 6]);
  expect(middleOf(geometry)).toEqual({ lon: 3, lat: 4, height: null });
});

test("a collection is as wide as its parts, and keeps a height", () => {
  const parts = [
    { type: "Point", coordinates: [1, 1, 7.5] },
    {
      type: "LineString",
      coordinates: [
        [2, 2],
        [3, 0],
      ],
    },
  ];
  expect(middleOf({ type: "GeometryCollection", geometries: parts })).toEqual({
    lon: 2,
    lat: 1,
    height: 7.5,
  });
});

test("nothing is nowhere", () => {
  expect(extentOf(null)).toBeNull();
  expect(middleOf({ type: "Polygon", coordinates: [] })).toBeNull();
});

test("a hundredth of a degree of latitude is about 1.1 km", () => {
  expect(spanOf([118, 38, 118, 38.01])).toBeCloseTo(1113.2, 1);
});
