import { TOOL as AREA } from "./area";
import type { Tool } from "./tool";

/** What is drawn around is counted. */
export const TOOL: Tool = { ...AREA, id: "polygon" };
