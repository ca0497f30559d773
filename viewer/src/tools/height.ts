import { type Point, rise } from "./measure";
import { sayLength, type Tool } from "./tool";

function between([from, to]: Point[]) {
  return from && to ? rise(from, to) : null;
}

export const TOOL: Tool = {
  id: "height",
  shape: "rise",
  points: 2,
  onThings: true,
  figures(points) {
    const found = between(points);
    if (!found || found.vertical === null) return { value: null };
    const { vertical, horizontal, slope } = found;
    return {
      value: vertical,
      parts: [
        { name: "vertical", value: vertical },
        { name: "horizontal", value: horizontal },
        { name: "slope", value: slope ?? 0 },
      ],
    };
  },
  label(points) {
    const vertical = between(points)?.vertical ?? null;
    return vertical === null ? "" : `${vertical < 0 ? "↓" : "↑"} ${sayLength(Math.abs(vertical))}`;
  },
};
