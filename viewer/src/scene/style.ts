/** What a layer looks like, as 3D Tiles style expressions: colour by class, what is hidden, lit up, or not there yet. */
import type { LegendItem } from "../api/types";
import { classKey, type LayerFilter } from "../state/app";

export interface Look {
  legend: readonly LegendItem[];
  /** The column that the legend classifies. */
  by: string | null;
  /** Legend values that are switched off, see `classKey`. */
  hidden: readonly string[];
  filter: LayerFilter | null;
  /** 0 to 1. */
  opacity: number;
  /** Ids that are lit up. */
  lit: readonly string[];
  litColor: string;
  /** 1 unless something else is to be seen through what is lit. */
  litOpacity?: number;
  /** Colour of what the legend does not name. */
  plain: string;
  /** Seconds since 1970 while the clock is dragged; null shows what was loaded. */
  moment: number | null;
  /** The colour of the tiles' own material: a class colour is divided by it, since Cesium multiplies the two. */
  base?: string;
  /** At night everything but what is lit is darker; 1 is day. */
  shade?: number;
}

export interface TileStyle {
  color: { conditions: [string, string][] };
  show: string;
}

const escapes = /[\\']/g;
const special = /[\\^$.*+?()[\]{}|/]/g;

/** A string literal of the styling language. */
export function literal(text: string): string {
  return `'${text.replace(escapes, "\\$&")}'`;
}

function column(name: string): string {
  return `\${feature[${literal(name)}]}`;
}

const isMissing = (name: string) => `(${column(name)} === undefined || ${column(name)} === null)`;

function isOneOf(name: string, values: readonly string[]): string {
  const any = values.map((value) => value.replace(special, "\\$&")).join("|");
  return `(!${isMissing(name)} && regExp(${literal(`^(${any})$`)}).test(String(${column(name)})))`;
}

const channels = (color: string) => [1, 3, 5].map((from) => Number.parseInt(color.slice(from, from + 2), 16));

/** Whether the feature is in the class, or in the step, of a legend's item. */
function isIn(by: string, { value, range }: LegendItem): string {
  if (!range) return isOneOf(by, [classKey(value)]);
  const number = `Number(${column(by)})`;
  const bounds = [
    ...(range[0] === null ? [] : [`${number} >= ${range[0]}`]),
    ...(range[1] === null ? [] : [`${number} < ${range[1]}`]),
  ];
  return `(${[`!${isMissing(by)}`, ...bounds].join(" && ")})`;
}

/** The colour with less light on it. */
export function shaded(color: string, shade: number): string {
  const parts = channels(color).map((part) => Math.round(part * shade));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** The colour that gives `color` when it is multiplied with `base`, channel by channel; too bright ones are cut off. */
export function over(color: string, base: string | undefined): string {
  if (!base) return color;
  const below = channels(base);
  const parts = channels(color).map((part, i) => Math.min(255, Math.round((255 * part) / (below[i] || 1))));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function within(name: string, from: number | null, to: number | null): string[] {
  const value = `Number(${column(name)})`;
  const bounds = [
    ...(from === null ? [] : [`${value} >= ${from}`]),
    ...(to === null ? [] : [`${value} <= ${to}`]),
  ];
  return bounds.length === 0 ? [] : [`(!${isMissing(name)} && ${bounds.join(" && ")})`];
}

/** True where the feature exists at `moment`; a tile without the two columns always does. */
function exists(moment: number): string[] {
  const from = column("valid_from");
  const to = column("valid_to");
  return [
    `(${isMissing("valid_from")} || ${from} <= ${moment})`,
    `(${isMissing("valid_to")} || ${to} > ${moment})`,
  ];
}

function classes(look: Look): { named: LegendItem[]; rest: LegendItem | undefined } {
  return {
    named: look.by ? look.legend.filter((entry) => entry.value !== null) : [],
    rest: look.legend.find((entry) => entry.value === null),
  };
}

function shown(look: Look): string[] {
  const { by, hidden } = look;
  if (hidden.length === 0) return [];
  if (!by) return hidden.includes("") ? ["false"] : [];
  const { named } = classes(look);
  const steps = named.filter(({ range }) => range);
  const off = hidden.filter((key) => key !== "" && !steps.some(({ value }) => value === key));
  const conditions = off.length > 0 ? [`!${isOneOf(by, off)}`] : [];
  for (const entry of steps)
    if (hidden.includes(classKey(entry.value))) conditions.push(`!${isIn(by, entry)}`);
  const names = named.filter(({ range }) => !range).map((entry) => classKey(entry.value));
  const any = [...(names.length > 0 ? [isOneOf(by, names)] : []), ...steps.map((entry) => isIn(by, entry))];
  if (hidden.includes("")) conditions.push(any.length > 1 ? `(${any.join(" || ")})` : (any[0] ?? "false"));
  return conditions;
}

/** Colour and visibility of every feature of a layer. Selected things keep full opacity. */
export function tileStyle(look: Look): TileStyle {
  const { named, rest } = classes(look);
  const paint = (color: string, opacity = look.opacity, shade = look.shade ?? 1) =>
    `color(${literal(shaded(over(color, look.base), shade))}, ${opacity})`;
  const conditions: [string, string][] = [];
  if (look.lit.length > 0)
    conditions.push([isOneOf("id", look.lit), paint(look.litColor, look.litOpacity ?? 1, 1)]);
  for (const entry of named) {
    conditions.push([isIn(look.by ?? "", entry), paint(entry.color)]);
  }
  conditions.push(["true", paint(rest?.color ?? look.plain)]);
  const show = [
    ...shown(look),
    ...(look.filter ? within(look.filter.column, look.filter.min, look.filter.max) : []),
    ...(look.moment === null ? [] : exists(look.moment)),
  ];
  return { color: { conditions }, show: show.length > 0 ? show.join(" && ") : "true" };
}
