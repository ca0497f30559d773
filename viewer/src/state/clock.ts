/** The one clock: which stretch of time the slider covers, and what a position on it means. */
import type { Epoch } from "../api/types";

export const presets = ["day", "week", "survey", "all"] as const;
export type Preset = (typeof presets)[number];

/** Milliseconds since 1970. */
export interface Stretch {
  from: number;
  to: number;
  /** The moments that a resting handle falls on: a day for years, a minute for a day. */
  grain: number;
}

const minute = 60_000;
const day = 86_400_000;
const year = 365.25 * day;

export const millis = (iso: string): number => new Date(iso).getTime();
export const iso = (time: number): string => new Date(time).toISOString().replace(".000Z", "Z");

/** The stretch of a preset that ends now; `earliest` is when the oldest thing began. */
export function stretchOf(preset: Preset, now: number, epochs: Epoch[], earliest: number | null): Stretch {
  if (preset === "day") return { from: now - day, to: now, grain: minute };
  if (preset === "week") return { from: now - 7 * day, to: now, grain: 10 * minute };
  // A twin that was filled this morning still has a slider that one can hold.
  const latest = now - year;
  if (preset === "all") {
    const from = Math.min(latest, earliest ?? latest, ...epochs.map((epoch) => millis(epoch.at)));
    return { from, to: now, grain: day };
  }
  const first =
    epochs.length > 0 ? Math.min(...epochs.map((epoch) => millis(epoch.at))) : (earliest ?? latest);
  const from = Math.min(latest, first);
  // The first survey is a place to stand, not the edge of the table.
  return { from: from - 0.06 * (now - from), to: now, grain: day };
}

export function fractionOf(stretch: Stretch, time: number): number {
  return Math.min(1, Math.max(0, (time - stretch.from) / (stretch.to - stretch.from)));
}

/**
 * The moment of a position (0 to 1); null is now.
 *
 * The right end is now; a survey within one per cent of the slider catches the handle.
 */
export function momentAt(stretch: Stretch, fraction: number, epochs: Epoch[]): string | null {
  if (fraction >= 0.995) return null;
  const caught = epochs.find((epoch) => Math.abs(fractionOf(stretch, millis(epoch.at)) - fraction) < 0.01);
  if (caught && millis(caught.at) >= stretch.from) return caught.at;
  const time = stretch.from + fraction * (stretch.to - stretch.from);
  return iso(Math.round(time / stretch.grain) * stretch.grain);
}

/** The survey before or after a moment; null is now. */
export function stepFrom(at: string | null, epochs: Epoch[], direction: 1 | -1): string | null {
  const times = epochs.map((epoch) => epoch.at).sort((one, other) => millis(one) - millis(other));
  const here = at === null ? Number.POSITIVE_INFINITY : millis(at);
  if (direction > 0) return times.find((time) => millis(time) > here) ?? null;
  return times.findLast((time) => millis(time) < here) ?? times[0] ?? at;
}

/** Years (or days, or hours) to write under the slider: at most about eight. */
export function marksOf(stretch: Stretch): { time: number; label: string }[] {
  if (stretch.grain < day) return dayMarks(stretch);
  const first = new Date(stretch.from).getUTCFullYear() + 1;
  const last = new Date(stretch.to).getUTCFullYear();
  const every = Math.max(1, Math.ceil((last - first) / 8));
  const marks = [];
  for (let y = Math.ceil(first / every) * every; y <= last; y += every)
    marks.push({ time: Date.UTC(y, 0, 1), label: String(y) });
  return marks;
}

function dayMarks(stretch: Stretch): { time: number; label: string }[] {
  const long = stretch.to - stretch.from > 2 * day;
  const start = new Date(stretch.from);
  start.setMinutes(0, 0, 0);
  if (long) start.setHours(0);
  const marks = [];
  const every = long ? day : 4 * 3_600_000;
  for (let time = start.getTime() + every; time < stretch.to; time += every) {
    const mark = new Date(time);
    marks.push({ time, label: long ? `${mark.getMonth() + 1}-${mark.getDate()}` : `${mark.getHours()}:00` });
  }
  return marks;
}
