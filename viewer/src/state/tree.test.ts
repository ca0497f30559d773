import { expect, test } from "vitest";
import type { LayerSummary } from "../api/types";
import { isOverdue, layerMatches, reorder, treeOf, viewOf } from "./tree";

function layer(id: string, theme: string, department: string | null = null): LayerSummary {
  return {
    id,
    theme: { id: theme, zh: theme, en: theme },
    title: { zh: `${id}层`, en: id },
    department: department ? { zh: department, en: department } : null,
    draw: { mode: "flat", visible: true, opacity: 0.8, legend: [], by: null },
    due: null,
  } as unknown as LayerSummary;
}

const layers = [layer("a", "城", "甲"), layer("b", "管"), layer("c", "城", "乙"), layer("d", "城", "甲")];
const views = Object.fromEntries(layers.map((one, order) => [one.id, viewOf(one, order)]));

test("layers are grouped by theme, then by department, in the server's order", () => {
  const tree = treeOf(layers, views);
  expect(tree.map((theme) => theme.id)).toEqual(["城", "管"]);
  expect(tree[0]?.departments.map((one) => one.layers.map(({ id }) => id))).toEqual([["a", "d"], ["c"]]);
});

test("a layer dropped behind another stands behind it, and no other pair changes places", () => {
  const order = reorder(views, "a", "c", true);
  expect(Object.keys(order).sort((x, y) => (order[x] ?? 0) - (order[y] ?? 0))).toEqual(["b", "c", "a", "d"]);
  expect(reorder(views, "a", "a", true)).toEqual({ a: 0, b: 1, c: 2, d: 3 });
});

test("a layer without a due date is never overdue", () => {
  expect(isOverdue(layer("a", "x"), "2030-01-01")).toBe(false);
  expect(isOverdue({ ...layer("a", "x"), due: "2025-01-01" }, "2030-01-01")).toBe(true);
});

test("every word typed must be somewhere in the layer's names", () => {
  expect(layerMatches(layer("pipes", "管网"), "管 PIPE")).toBe(true);
  expect(layerMatches(layer("pipes", "管网"), "管 road")).toBe(false);
});
