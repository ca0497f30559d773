import { legs, total } from "./measure";
import { sayLength, type Tool } from "./tool";

export const TOOL: Tool = {
  id: "distance",
  shape: "line",
  figures(points) {
    const parts = legs(points);
    return { value: total(parts), parts: [{ name: "segments", value: parts.length }] };
  },
  label: (points) => sayLength(total(legs(points))),
};
