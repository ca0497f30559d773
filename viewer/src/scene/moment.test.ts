import { expect, test } from "vitest";
import { atMoment } from "./moment";

test("now leaves an address as it is", () => {
  expect(atMoment("/tiles/a/tileset.json", { at: null, known: null })).toBe("/tiles/a/tileset.json");
});

test("a moment stands in the path", () => {
  expect(atMoment("/tiles/a/tileset.json", { at: "2021-07-01", known: null })).toBe(
    "/tiles/a/@2021-07-01/tileset.json",
  );
});

test("what was known needs a moment too: now", () => {
  expect(atMoment("/tiles/a/layer.json", { at: null, known: "2023-01-01" })).toBe(
    "/tiles/a/@now/known/2023-01-01/layer.json",
  );
});
