/** How the points of a cloud are coloured, as 3D Tiles style expressions. */
import type { LegendItem, PointRanges } from "../api/types";
import { classKey, type PointColour } from "../state/app";

export interface PointLook {
  by: PointColour;
  legend: readonly LegendItem[];
  /** Legend values that are switched off. */
  hidden: readonly string[];
  ranges: PointRanges | null | undefined;
  /** 0 to 1. */
  opacity: number;
  /** CSS pixels. */
  size: number;
}

export interface PointStyle {
  color: string | { conditions: [string, string][] };
  show: string;
  pointSize: string;
}

/** From blue to red: a turn of the colour wheel that everybody has seen on a thermometer. */
const coldest = 0.66;

function share(name: string, [low, high]: [number, number]): string {
  const span = high - low || 1;
  return `clamp((\${${name}} - ${low}) / ${span}, 0.0, 1.0)`;
}

function byClass({ legend, opacity }: PointLook): { conditions: [string, string][] } {
  const rest = legend.find(({ value }) => value === null)?.color ?? "#b9b9b9";
  const named = legend
    .filter(({ value }) => value !== null)
    .map(({ value, color }): [string, string] => [
      `\${classification} === ${value}`,
      `color('${color}', ${opacity})`,
    ]);
  return { conditions: [...named, ["true", `color('${rest}', ${opacity})`]] };
}

/** What a cloud can be coloured by. */
export function coloursOf(ranges: PointRanges | null | undefined): PointColour[] {
  return ["class", "height", "intensity", ...(ranges?.rgb ? (["rgb"] as const) : [])];
}

function shown({ legend, hidden }: PointLook): string {
  const named = legend.filter(({ value }) => value !== null).map(({ value }) => classKey(value));
  const off = hidden.filter((key) => key !== "").map((key) => `\${classification} !== ${key}`);
  const rest = hidden.includes("")
    ? [`(${named.map((key) => `\${classification} === ${key}`).join(" || ")})`]
    : [];
  return [...off, ...rest].join(" && ") || "true";
}

export function pointStyle(look: PointLook): PointStyle {
  const { by, ranges, opacity } = look;
  const height = share("height", ranges?.height ?? [0, 100]);
  const intensity = share("intensity", ranges?.intensity ?? [0, 65535]);
  const colors: Record<PointColour, PointStyle["color"]> = {
    class: byClass(look),
    height: `hsla((1.0 - ${height}) * ${coldest}, 0.8, 0.5, ${opacity})`,
    intensity: `rgba(${intensity} * 255, ${intensity} * 255, ${intensity} * 255, ${opacity})`,
    rgb: `\${COLOR} * color('#ffffff', ${opacity})`,
  };
  return { color: colors[by], show: shown(look), pointSize: String(look.size) };
}
