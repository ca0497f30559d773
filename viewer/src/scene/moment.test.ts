import { expect, test } from "vitest";
import { atMoment } from "./moment";

const now = "2026-01-01T00:00:00Z";

test("now leaves an address as it is", () => {
  expect(atMoment("/tiles/a/tileset.json", { at: null, known: null, now })).toBe("/tiles/a/tileset.json");
});

test("a moment stands in the path", () => {
  expect(atMoment("/tiles/a/tileset.json", { at: "2021-07-01", known: null, now })).toBe(
    "/tiles/a/@2021-07-01/tileset.json",
  );
});

test("what was known needs a moment too: now", () => {
  expect(atMoment("/tiles/a/layer.json", { at: null, known: "2023-01-01", now })).toBe(
    `/tiles/a/@${encodeURIComponent(now)}/known/2023-01-01/layer.json`,
  );
});
