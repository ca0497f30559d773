import { expect, test } from "vitest";
import { decodeLink, emptyLink, encodeLink, type Link, linkedLayers } from "./link";

const full: Link = {
  camera: { lon: 118.3613412, lat: 38.3512001, height: 1234.56, heading: 359.99, pitch: -45.5 },
  mode: "2d",
  base: "imagery",
  underground: true,
  at: "2021-07-01T00:00:00Z",
  known: "2023-01-02T03:04:05Z",
  layers: [
    {
      id: "buildings",
      opacity: 0.6,
      hidden: ["住宅", "a,b;c:d&e"],
      filter: { column: "高度 m", min: 10, max: null },
    },
    {
      id: "2021",
      opacity: 1,
      hidden: [""],
      filter: null,
      style: { by: "用途;a", how: "classes", values: ["住宅", "a:b,c"] },
    },
    {
      id: "steps",
      opacity: 1,
      hidden: [],
      filter: null,
      style: { by: "h", how: "steps", breaks: [-1.5, 20] },
    },
    { id: "1", opacity: 0, hidden: [], filter: { column: "h", min: null, max: -2.5 } },
  ],
  selected: { layer: "buildings", id: "楼/3 号=#1" },
  place: null,
  panel: "layer:buildings",
  table: { layer: "pipes", filter: "a = 'b;c'", sort: "-a", columns: ["a", "b:c"], within: "area" },
  area: [[118.1, 38.1], [118.2, 38.1], [118.2, 38.2]], // biome-ignore format: a ring
  profile: [[118.1, 38.1], [118.2, 38.1]], // biome-ignore format: a line
  clip: [[118.1, 38.1], [118.2, 38.1], [118.2, 38.2], [118.1, 38.2]], // biome-ignore format: a ring
  compare: { how: "swipe", at: "2021-07-01T00:00:00Z", known: "2023-01-02T03:04:05Z", split: 0.6 },
  lang: "en",
};

test("a full view comes back exactly", () => {
  expect(decodeLink(`#${encodeLink(full)}`)).toEqual(full);
});

test("an untouched view has an empty link, and an empty link is an untouched view", () => {
  expect(encodeLink(emptyLink)).toBe("");
  expect(decodeLink("")).toEqual(emptyLink);
});

test("a link with no layer on is not a link that says nothing about layers", () => {
  expect(decodeLink(encodeLink({ ...emptyLink, layers: [] })).layers).toEqual([]);
  expect(decodeLink(encodeLink(emptyLink)).layers).toBeNull();
});

test("the camera keeps a centimetre and the link stays short", () => {
  const camera = { lon: 118.36134123456, lat: 38.3512, height: 900.123456, heading: 0, pitch: -90 };
  expect(encodeLink({ ...emptyLink, camera })).toBe("c=118.3613412,38.3512,900.12,0,-90");
});

test.each([
  "c=1,2",
  "c=200,0,1,0,0",
  "c=a,b,c,d,e",
  "t=yesterday",
  "s=buildings",
  "l=",
  "%E0%A4%A",
  "t=%zz",
  "m=4d",
])("a broken link (%s) still opens", (hash) => {
  const link = decodeLink(hash);
  expect(link.camera).toBeNull();
  expect(link.at).toBeNull();
  expect(link.selected).toBeNull();
  expect(link.mode).toBe("3d");
});

test("layers are listed from the top of the tree", () => {
  const view = { visible: true, opacity: 1, hidden: [], filter: null };
  const views = {
    a: { ...view, order: 2 },
    b: { ...view, order: 0 },
    c: { ...view, order: 1, visible: false },
  };
  expect(linkedLayers(views).map((layer) => layer.id)).toEqual(["b", "a"]);
});

test("a clicked piece of ground is a selection too", () => {
  const link = { ...emptyLink, place: { lon: 118.361341, lat: -8.5 } };
  expect(decodeLink(encodeLink(link))).toEqual(link);
});

test.each([
  [359.999, "0"],
  [-90, "270"],
  [725.5, "5.5"],
])("a heading of %d is written %s", (heading, text) => {
  const camera = { lon: 1, lat: 2, height: 3, heading, pitch: 0 };
  expect(encodeLink({ ...emptyLink, camera })).toBe(`c=1,2,3,${text},0`);
});
