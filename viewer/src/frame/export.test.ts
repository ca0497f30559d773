import { expect, test } from "vitest";
import { collected } from "./export";

test("a sequence becomes a collection, record marks or none, with text that looks like its own marks", () => {
  const features = [
    { type: "Feature", id: "a\nb" },
    { type: "Feature", id: "c" },
  ];
  for (const mark of ["\u001e", ""]) {
    const sequence = features.map((one) => `${mark}${JSON.stringify(one)}\n`).join("");
    expect(JSON.parse(collected(sequence))).toEqual({ type: "FeatureCollection", features });
  }
  expect(JSON.parse(collected("")).features).toEqual([]);
});
