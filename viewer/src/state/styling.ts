/** Colours by an attribute: classes of values, or steps of a number, as a legend that every drawing understands. */
import type { LayerDraw, LegendItem } from "../api/types";
import { classKey } from "./app";

export type LayerStyle =
  /** The values, the first in the first colour; all others in grey. */
  | { by: string; how: "classes"; values: string[] }
  /** The limits between the steps, ascending. */
  | { by: string; how: "steps"; breaks: number[] };

/** Told apart by people who see no red or no green too (Okabe & Ito 2008), then what is left to tell apart. */
export const classColors = [
  "#0072B2",
  "#E69F00",
  "#009E73",
  "#CC79A7",
  "#56B4E9",
  "#D55E00",
  "#B8A800",
  "#6A51A3",
  "#8C564B",
  "#17807E",
];
export const otherColor = "#A7AFB5";

/** Light to dark, even to the eye and without red beside green (viridis, turned and cut at both ends). */
const ramp = ["#D9E021", "#7AD151", "#2AB07F", "#21918C", "#2A788E", "#3B528B", "#46327E"];

/** The colours of `count` steps. */
export function stepColors(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const place = count === 1 ? (ramp.length - 1) / 2 : (i * (ramp.length - 1)) / (count - 1);
    return mix(ramp[Math.floor(place)] ?? otherColor, ramp[Math.ceil(place)] ?? otherColor, place % 1);
  });
}

function mix(one: string, other: string, share: number): string {
  const channel = (color: string, at: number) => Number.parseInt(color.slice(at, at + 2), 16);
  const parts = [1, 3, 5].map((at) =>
    Math.round(channel(one, at) * (1 - share) + channel(other, at) * share),
  );
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

const rest: LegendItem = { value: null, label: { zh: "其他", en: "Other" }, color: otherColor };
const none: LegendItem = { value: null, label: { zh: "无数值", en: "No value" }, color: otherColor };

/** A number as a legend writes it: no more digits than it takes. */
const figure = (value: number) => String(Number(value.toPrecision(6)));

function step(breaks: number[], i: number, color: string, symbol: string | undefined): LegendItem {
  const [from, to] = [breaks[i - 1] ?? null, breaks[i] ?? null];
  const text =
    from === null
      ? `< ${figure(to ?? 0)}`
      : to === null
        ? `≥ ${figure(from)}`
        : `${figure(from)} – ${figure(to)}`;
  return {
    value: `#${i}`,
    label: { zh: text, en: text },
    color,
    range: [from, to],
    ...(symbol ? { symbol } : {}),
  };
}

/** The legend of a style; symbols stay what they are in the layer's own legend (a line stays a line). */
export function legendOf(style: LayerStyle, own: readonly LegendItem[]): LegendItem[] {
  const symbol = own[0]?.symbol;
  const marked = (item: LegendItem) => (symbol ? { ...item, symbol } : item);
  if (style.how === "classes") {
    const items = style.values.map((value, i) => {
      const color = classColors[i % classColors.length] ?? otherColor;
      const known = own.find((item) => item.value !== null && classKey(item.value) === value);
      return marked({ value, label: known?.label ?? { zh: value, en: value }, color });
    });
    return [...items, marked(rest)];
  }
  const colors = stepColors(style.breaks.length + 1);
  return [...colors.map((color, i) => step(style.breaks, i, color, symbol)), marked(none)];
}

/** How a layer is drawn: as the server has it, or as somebody chose. */
export function drawOf<T extends Pick<LayerDraw, "by" | "legend">>(
  draw: T,
  style: LayerStyle | null | undefined,
): T {
  if (!style) return draw;
  const own = style.by === draw.by ? draw.legend : draw.legend.map((item) => ({ ...item, value: null }));
  return { ...draw, by: style.by, legend: legendOf(style, own) };
}

/** Whether a legend's item stands for a value. */
export function stands(item: LegendItem, value: unknown): boolean {
  if (item.value === null) return false;
  if (!item.range) return classKey(item.value) === classKey(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  const [from, to] = item.range;
  return (from === null || value >= from) && (to === null || value < to);
}

/** The item of a value: its own, else the one for all others. */
export function entryOf(
  legend: readonly LegendItem[],
  by: string | null,
  value: unknown,
): LegendItem | undefined {
  const own = by === null ? undefined : legend.find((item) => stands(item, value));
  return own ?? legend.find((item) => item.value === null);
}

const e = encodeURIComponent;

/** `c用途:住宅:商业` or `nheight:10:20`. */
export function encodeStyle(style: LayerStyle): string {
  if (style.how === "classes") return `c${[style.by, ...style.values].map(e).join(":")}`;
  return `n${[e(style.by), ...style.breaks.map(String)].join(":")}`;
}

export function decodeStyle(text: string, plain: (part: string) => string): LayerStyle | null {
  const [by = "", ...more] = text.slice(1).split(":").map(plain);
  if (!by) return null;
  if (text[0] === "c") return { by, how: "classes", values: more };
  const breaks = more.map(Number);
  const rising = breaks.every((value, i) => Number.isFinite(value) && value > (breaks[i - 1] ?? -Infinity));
  return text[0] === "n" && breaks.length > 0 && rising ? { by, how: "steps", breaks } : null;
}
