import type { Tool } from "./tool";

/** One click says where; title and level are asked for by the frame. */
export const TOOL: Tool = {
  id: "incident",
  shape: "point",
  points: 1,
  figures: () => ({ value: null }),
  label: () => "",
};
