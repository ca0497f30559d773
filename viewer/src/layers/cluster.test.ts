import { expect, test } from "vitest";
import { cellFor, cluster } from "./cluster";
import { createRoom, textWidth } from "./room";
import { roundCount, signOf } from "./symbols";

test("points in one cell become one, and none is lost", () => {
  const points = Array.from({ length: 100 }, (_, i) => ({
    lon: 118.3 + (i % 10) * 1e-3,
    lat: 38.3 + i * 1e-4,
  }));
  const groups = cluster(points, 500);
  expect(groups.length).toBeLessThan(20);
  expect(groups.flatMap(({ members }) => members)).toHaveLength(100);
});

test("without a cell every point stands alone", () => {
  expect(
    cluster(
      [
        { lon: 1, lat: 1 },
        { lon: 1, lat: 1 },
      ],
      0,
    ),
  ).toHaveLength(2);
});

test("a small zoom keeps the cells", () => {
  expect(cellFor(1.2, 44)).toBe(cellFor(1.4, 44));
});

test("a taken place is not given twice, and outside the window there is none", () => {
  const room = createRoom(400, 300);
  expect(room.take(10, 10, 60, 20)).toBe(true);
  expect(room.take(40, 15, 60, 20)).toBe(false);
  expect(room.take(200, 200, 60, 20)).toBe(true);
  expect(room.take(500, 10, 60, 20)).toBe(false);
});

test("Chinese takes twice the room", () => {
  expect(textWidth("水位")).toBe(26);
  expect(textWidth("ab\n水位站")).toBe(39);
});

test("counts are rounded down to what can be read at a glance", () => {
  expect([3, 47, 760, 12345].map(roundCount)).toEqual(["3", "40+", "700+", "12000+"]);
});

test("a class's words tell the sign, the legend's own name comes first", () => {
  expect(signOf("places", undefined, "县人民医院")).toBe("hospital");
  expect(signOf("places", "fire", "hospital")).toBe("fire");
  expect(signOf("features", "circle", null)).toBe("dot");
});
