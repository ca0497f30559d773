import { expect, test } from "vitest";
import type { LegendItem } from "../api/types";
import { decodeStyle, drawOf, encodeStyle, entryOf, type LayerStyle, legendOf, stepColors } from "./styling";

const steps: LayerStyle = { by: "height", how: "steps", breaks: [10, 20.5] };
const own: LegendItem[] = [
  { value: "JS", label: { zh: "给水", en: "Water" }, color: "#0000ff", symbol: "line" },
];

test("every number falls into one step, what is none into the last item", () => {
  const legend = legendOf(steps, []);
  const at = (value: unknown) => legend.indexOf(entryOf(legend, "height", value) as LegendItem);
  expect([-5, 9.999, 10, 20.4, 20.5, 1e9].map(at)).toEqual([0, 0, 1, 1, 2, 2]);
  expect([null, undefined, Number.NaN, "12"].map(at)).toEqual([3, 3, 3, 3]);
  expect(legend.map(({ label }) => label.zh)).toEqual(["< 10", "10 – 20.5", "≥ 20.5", "无数值"]);
});

test("classes keep the words and the sign of the layer's own legend", () => {
  const draw = { by: "class", legend: own };
  const styled = drawOf(draw, { by: "class", how: "classes", values: ["JS", "YS"] });
  expect(styled.legend.map(({ label }) => label.zh)).toEqual(["给水", "YS", "其他"]);
  expect(styled.legend.every(({ symbol }) => symbol === "line")).toBe(true);
  // The words of one column say nothing of another.
  const other = drawOf(draw, { by: "owner", how: "classes", values: ["JS"] });
  expect(other.legend[0]?.label.zh).toBe("JS");
  expect(drawOf(draw, null)).toBe(draw);
});

test("colours of steps are all different", () => {
  for (let count = 1; count <= 9; count += 1) expect(new Set(stepColors(count)).size).toBe(count);
});

test("a style comes out of a link as it went in; one that cannot be is none", () => {
  const odd: LayerStyle = { by: "用;途:1", how: "classes", values: ["a:b", "", "c,d;e"] };
  for (const style of [steps, odd])
    expect(decodeStyle(encodeStyle(style), decodeURIComponent)).toEqual(style);
  for (const wrong of ["", "n", "nheight", "nheight:2:1", "nheight:x", "zheight:1"])
    expect(decodeStyle(wrong, decodeURIComponent)).toBeNull();
});
