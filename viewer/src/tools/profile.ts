import { TOOL as DISTANCE } from "./distance";
import type { Tool } from "./tool";

/** The ground along a line, with what stands and lies there. */
export const TOOL: Tool = { ...DISTANCE, id: "profile" };
