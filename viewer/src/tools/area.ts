import { area, legs, total } from "./measure";
import { sayArea, type Tool } from "./tool";

export const TOOL: Tool = {
  id: "area",
  shape: "area",
  figures(points) {
    const around = points.length > 2 ? [...points, ...points.slice(0, 1)] : points;
    return { value: area(points), parts: [{ name: "perimeter", value: total(legs(around)) }] };
  },
  label: (points) => (points.length > 2 ? sayArea(area(points)) : ""),
};
