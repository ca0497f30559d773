import { expect, test } from "vitest";
import { decodeLink } from "./link";
import {
  all,
  chosenAfter,
  decodeRing,
  decodeTable,
  encodeRing,
  encodeTable,
  nextSort,
  type TableView,
  tableOf,
  tableQuery,
  touches,
} from "./table";

const odd: TableView = {
  layer: "管线/一;期",
  filter: "name LIKE '%水;站:&=#%' AND diameter >= 0.3",
  sort: "-管径",
  columns: ["id", "名,称:a;b"],
  within: "view",
};

test("a table comes out of a link as it went in, whatever its texts hold", () => {
  const link = decodeLink(`q=${encodeTable(odd)}`);
  expect(link.table).toEqual(odd);
  expect(decodeTable(encodeTable(tableOf("pipes")), decodeURIComponent)).toEqual(tableOf("pipes"));
  expect(decodeTable("", decodeURIComponent)).toBeNull();
});

test("sorting goes up, down and back", () => {
  const first = nextSort(null, "height");
  const second = nextSort(first, "height");
  expect([first, second, nextSort(second, "height")]).toEqual(["height", "-height", null]);
  expect(nextSort("-height", "name")).toBe("name");
});

test("what is asked holds every condition, and no parameter that says nothing", () => {
  const asked = { view: tableOf("pipes"), at: null, known: null, bbox: [1, 2, 3, 4], area: null };
  expect(tableQuery(asked)).toEqual({});
  const area: [number, number][] = [[1, 2], [3, 2], [3, 4]]; // biome-ignore format: a ring
  const view: TableView = { ...tableOf("pipes"), filter: "a = 1 OR b = 2", within: "area" };
  expect(tableQuery({ ...asked, view, area }).filter).toBe(`(${touches(area)}) AND (a = 1 OR b = 2)`);
  expect(tableQuery({ ...asked, view: { ...view, within: "view" } }).bbox).toBe("1,2,3,4");
});

test("a ring is closed once", () => {
  expect(touches([[1, 2], [3, 2], [3, 4]])).toBe(
    "S_INTERSECTS(geom, POLYGON((1.0000000 2.0000000, 3.0000000 2.0000000, 3.0000000 4.0000000, 1.0000000 2.0000000)))",
  ); // biome-ignore format: a ring
  expect(all("", " a ", "")).toBe("a");
});

test("rings of links: exact, or none", () => {
  const ring: [number, number][] = [[118.361345, 38.3512], [118.4, 38.4], [118.3, 38.5]]; // biome-ignore format: a ring
  expect(decodeRing(encodeRing(ring))).toEqual(ring);
  for (const wrong of ["", "1,2", "1,2;x,3;4,5", "1,2;3,95;4,5", "1,2,3;4,5;6,7"])
    expect(decodeRing(wrong)).toBeNull();
});

test("rows are chosen as in every list", () => {
  const ids = ["a", "b", "c", "d"];
  expect(chosenAfter(ids, ["a"], "c", "one", "a")).toEqual(["c"]);
  expect(chosenAfter(ids, ["a"], "c", "toggle", "a")).toEqual(["a", "c"]);
  expect(chosenAfter(ids, ["a", "c"], "a", "toggle", "c")).toEqual(["c"]);
  expect(chosenAfter(ids, ["d"], "b", "range", "d")).toEqual(["b", "c", "d"]);
  expect(chosenAfter(ids, [], "b", "range", "gone")).toEqual(["b"]);
});
