import { TOOL as BOX } from "./box";
import type { Tool } from "./tool";

/** No body outside the box is drawn. */
export const TOOL: Tool = { ...BOX, id: "clip" };
