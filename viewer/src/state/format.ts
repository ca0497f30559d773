/** Numbers, places and times as people read them. Missing is "—", never 0. */
import type { Bilingual, Column, Lang } from "../api/types";

export const missing = "—";
const thin = "\u202f";

const locale: Record<Lang, string> = { zh: "zh-CN", en: "en-GB" };

export function inLang(text: Bilingual | null | undefined, lang: Lang): string {
  if (!text) return missing;
  return text[lang] || text.zh || text.en || missing;
}

const datums: Record<string, Bilingual> = {
  "EPSG:5737": { zh: "1985 国家高程基准", en: "1985 national height datum" },
  "EPSG:5736": { zh: "1956 黄海高程系", en: "Yellow Sea 1956" },
  "EPSG:5709": { zh: "NAP 高程", en: "NAP height" },
  "EPSG:5773": { zh: "EGM96 高程", en: "EGM96 height" },
  "EPSG:3855": { zh: "EGM2008 高程", en: "EGM2008 height" },
  "EPSG:5728": { zh: "LN02 高程", en: "LN02 height" },
  ellipsoid: { zh: "椭球高", en: "ellipsoidal height" },
  unknown: { zh: "高程基准未知", en: "vertical datum unknown" },
};

/** A vertical datum by its name; one that we have no name for by its code. */
export function formatDatum(code: string | null | undefined, lang: Lang): string {
  const key = code || "unknown";
  return datums[key]?.[lang] ?? key;
}

/** Digits in groups of three from five digits up; at most `digits` decimals, and none that the value has not. */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return missing;
  const [whole = "0", decimals] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/gu, thin) : whole;
  const rest = decimals?.replace(/0+$/u, "");
  const text = rest ? `${grouped}.${rest}` : grouped;
  return value < 0 && text !== "0" ? `−${text}` : text;
}

/** Exponents and degrees as print has them: m3/h is m³/h. */
export function formatUnit(unit: string | null | undefined): string {
  return (unit ?? "")
    .replace(/\^?2(?=\b|\/|$)/gu, "²")
    .replace(/\^?3(?=\b|\/|$)/gu, "³")
    .replace(/^(degC|Cel|celsius)$/iu, "°C");
}

export function withUnit(text: string, unit: string | null | undefined): string {
  const shown = formatUnit(unit);
  if (text === missing || shown === "") return text;
  return shown === "%" || shown.startsWith("°") ? `${text}${shown}` : `${text}${thin}${shown}`;
}

export function formatLength(metres: number | null | undefined): string {
  if (metres === null || metres === undefined || !Number.isFinite(metres)) return missing;
  if (Math.abs(metres) < 1000) return withUnit(formatNumber(metres, Math.abs(metres) < 10 ? 2 : 1), "m");
  return withUnit(formatNumber(metres / 1000, Math.abs(metres) < 10_000 ? 3 : 2), "km");
}

export function formatArea(squareMetres: number | null | undefined): string {
  if (squareMetres === null || squareMetres === undefined || !Number.isFinite(squareMetres)) return missing;
  if (squareMetres < 10_000) return withUnit(formatNumber(squareMetres, 1), "m²");
  if (squareMetres < 1_000_000) return withUnit(formatNumber(squareMetres / 10_000, 3), "ha");
  return withUnit(formatNumber(squareMetres / 1_000_000, 3), "km²");
}

/** "1:5 000", to two figures; a pixel is 0.28 mm, as OGC has it. */
export function formatScale(metresPerPixel: number | null): string {
  if (!metresPerPixel || !Number.isFinite(metresPerPixel)) return missing;
  const scale = Number((metresPerPixel / 0.00028).toPrecision(2));
  return `1:${formatNumber(scale, 0)}`;
}

export function formatDegrees(lon: number, lat: number, digits = 5): string {
  return `${lon.toFixed(digits)}, ${lat.toFixed(digits)}`;
}

function oneDms(value: number, positive: string, negative: string): string {
  const tenths = Math.round(Math.abs(value) * 36_000);
  const seconds = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600) % 60;
  const pad = String(minutes).padStart(2, "0");
  return `${Math.floor(tenths / 36_000)}°${pad}′${seconds.toFixed(1).padStart(4, "0")}″${value < 0 ? negative : positive}`;
}

export function formatDms(lon: number, lat: number): string {
  return `${oneDms(lon, "E", "W")} ${oneDms(lat, "N", "S")}`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Midnight UTC is how a date without a time comes. */
function isDay(iso: string): boolean {
  return /^\d{4}-\d{2}-\d{2}(T00:00(:00(\.0+)?)?(Z|\+00:00))?$/u.test(iso);
}

/** A day as it is, a moment in local time. */
export function formatTime(iso: string | null | undefined, seconds = false): string {
  if (!iso) return missing;
  if (isDay(iso)) return iso.slice(0, 10);
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return `${day} ${clock}${seconds ? `:${two(time.getSeconds())}` : ""}`;
}

/** A recent moment, without the year that everybody knows. */
export function formatRecent(iso: string, now: string): string {
  const text = formatTime(iso);
  return text.slice(0, 5) === formatTime(now).slice(0, 5) ? text.slice(5) : text;
}

/** The same moment with its zone, and in UTC: for the tooltip. */
export function formatZoned(iso: string | null | undefined, lang: Lang): string {
  if (!iso) return "";
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const local = time.toLocaleString(locale[lang], { dateStyle: "medium", timeStyle: "long" });
  return `${local}\n${time.toISOString().replace(".000Z", "Z")}`;
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 天前". */
export function formatAge(iso: string | null | undefined, now: string, lang: Lang): string {
  if (!iso) return missing;
  const seconds = (new Date(iso).getTime() - new Date(now).getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(locale[lang], { numeric: "auto" });
  for (const [unit, size] of steps)
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  return format.format(0, "second");
}

const truth: Record<Lang, [string, string]> = { zh: ["否", "是"], en: ["no", "yes"] };

/** A value of a column as text, with its unit. */
export function formatValue(
  value: unknown,
  column: Pick<Column, "type" | "unit"> | null | undefined,
  lang: Lang,
): string {
  if (value === null || value === undefined || value === "") return missing;
  if (typeof value === "boolean") return truth[lang][Number(value)] ?? missing;
  if (column?.type === "datetime" || column?.type === "date") return formatTime(String(value));
  if (typeof value === "number") return withUnit(formatNumber(value), column?.unit);
  if (typeof value === "object") return JSON.stringify(value);
  return withUnit(String(value), column?.unit);
}
