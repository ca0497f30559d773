/** What a tool is: how many clicks it takes, and what the points of the clicks come to. */
import type { ToolId, ToolResult } from "../state/app";
import type { Point } from "./measure";

export interface Tool {
  id: Exclude<ToolId, null>;
  /** `line` and `area` end with a double click or Enter, the others after their number of points. */
  shape: "line" | "area" | "rise" | "point" | "box";
  /** Points after which it is done; none: as many as the hand likes. */
  points?: number;
  /** Points are taken on roofs and walls, not on the ground below. */
  onThings?: boolean;
  figures(points: Point[]): Pick<ToolResult, "value" | "parts">;
  /** What stands beside the drawing. */
  label(points: Point[]): string;
}

/** Metres as people say them. */
export function sayLength(metres: number): string {
  if (metres < 100) return `${metres.toFixed(2)} m`;
  if (metres < 10_000) return `${Math.round(metres).toLocaleString("en")} m`;
  return `${(metres / 1000).toFixed(2)} km`;
}

/** Square metres as people say them. */
export function sayArea(square: number): string {
  if (square < 100_000) return `${Math.round(square).toLocaleString("en")} m²`;
  return `${(square / 1e6).toFixed(square < 1e7 ? 3 : 2)} km²`;
}
