import { Cesium3DTileStyle } from "cesium";
import { describe, expect, it } from "vitest";
import type { LegendItem } from "../api/types";
import { coloursOf, type PointLook, pointStyle } from "./points";

const legend: LegendItem[] = [
  { value: 2, label: { zh: "地面", en: "Ground" }, color: "#b08d57" },
  { value: 6, label: { zh: "建筑", en: "Building" }, color: "#d9694a" },
  { value: null, label: { zh: "其他", en: "Other" }, color: "#b9b9b9" },
];
const ranges = {
  height: [10, 60],
  intensity: [0, 254],
  classes: { "2": 5 },
  rgb: true,
} as PointLook["ranges"];
const look: PointLook = { by: "class", legend, hidden: [], ranges, opacity: 1, size: 3 };

/** A point as Cesium asks for its attributes. */
function point(values: Record<string, unknown>) {
  return {
    getProperty: (name: string) => values[name],
    getPropertyInherited: (name: string) => values[name],
    content: { tileset: { timeSinceLoad: 0 } },
  };
}

function coloured(changed: Partial<PointLook>, values: Record<string, unknown>): string {
  const style = new Cesium3DTileStyle(pointStyle({ ...look, ...changed }));
  return (style.color as { evaluateColor: (feature: unknown) => { toCssHexString(): string } })
    .evaluateColor(point(values))
    .toCssHexString();
}

function shown(hidden: string[], classification: number): boolean {
  const style = new Cesium3DTileStyle(pointStyle({ ...look, hidden }));
  return (style.show as { evaluate: (feature: unknown) => boolean }).evaluate(point({ classification }));
}

describe("the points of a cloud", () => {
  it("have the colour of their class, and any other the rest's", () => {
    expect(coloured({}, { classification: 6 })).toBe("#d9694a");
    expect(coloured({}, { classification: 42 })).toBe("#b9b9b9");
  });
  it("go from blue at the lowest to red at the highest", () => {
    const low = coloured({ by: "height" }, { height: 10 });
    const high = coloured({ by: "height" }, { height: 60 });
    expect(Number.parseInt(low.slice(5, 7), 16)).toBeGreaterThan(Number.parseInt(low.slice(1, 3), 16));
    expect(Number.parseInt(high.slice(1, 3), 16)).toBeGreaterThan(Number.parseInt(high.slice(5, 7), 16));
  });
  it("are black to white by intensity", () => {
    expect(coloured({ by: "intensity" }, { intensity: 0 })).toBe("#000000");
    expect(coloured({ by: "intensity" }, { intensity: 254 })).toBe("#ffffff");
  });
  it("are hidden by class, and all without a name together", () => {
    expect([shown(["6"], 6), shown(["6"], 2), shown([""], 42), shown([""], 2)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
  it("have a colour of their own only where there is one", () => {
    expect(coloursOf(ranges)).toContain("rgb");
    expect(coloursOf(null)).not.toContain("rgb");
  });
});
