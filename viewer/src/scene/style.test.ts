import { expect, test } from "vitest";
import { type Look, literal, over, tileStyle } from "./style";

const look: Look = {
  legend: [
    { value: "water", label: { zh: "给水", en: "Water" }, color: "#2F6FDB" },
    { value: null, label: { zh: "其他", en: "Other" }, color: "#888888" },
  ],
  by: "class",
  hidden: [],
  filter: null,
  opacity: 0.5,
  lit: [],
  litColor: "#FFB000",
  plain: "#FFFFFF",
  moment: null,
};

test("every class has its colour, and the rest has the legend's own", () => {
  const { color, show } = tileStyle(look);
  expect(color.conditions.map(([, paint]) => paint)).toEqual([
    "color('#2f6fdb', 0.5)",
    "color('#888888', 0.5)",
  ]);
  expect(show).toBe("true");
});

test("what is lit comes first and is never faded", () => {
  expect(tileStyle({ ...look, lit: ["a.1"] }).color.conditions[0]).toEqual([
    expect.stringContaining("a\\\\.1"),
    "color('#ffb000', 1)",
  ]);
});

test("a quote in a value does not end the expression", () => {
  expect(literal("it's \\ here")).toBe("'it\\'s \\\\ here'");
});

test("hidden classes, a filter and the dragged clock are all asked for", () => {
  const { show } = tileStyle({
    ...look,
    hidden: ["water"],
    filter: { column: "depth", min: 1, max: null },
    moment: 1_600_000_000,
  });
  for (const part of ["class", "depth", ">= 1", "valid_from", "valid_to", "1600000000"])
    expect(show).toContain(part);
});

test("hiding everything else leaves the named classes", () => {
  expect(tileStyle({ ...look, hidden: [""] }).show).toMatch(/^\(!.*water/);
});

test("a colour over a base gives the colour that was meant", () => {
  expect(over("#804020", "#ffffff")).toBe("#804020");
  expect(over("#E9E4DA", "#E9E4DA")).toBe("#ffffff");
});
