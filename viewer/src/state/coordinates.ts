/** Coordinates as people write them: decimal, degrees-minutes-seconds, projected with and without zone number. */
import { inverse, zoneOfEasting, zoneOfLongitude } from "./gauss";

export interface Coordinates {
  lon: number;
  lat: number;
  form: "degrees" | "dms" | "projected";
  /** The zone that a projected pair was read in, e.g. "EPSG:4527". */
  crs?: string;
}

interface Angle {
  value: number;
  axis: "lon" | "lat" | null;
  marked: boolean;
}

const number = String.raw`[-+]?\d+(?:\.\d+)?`;
const eastNorth: Record<string, "lon" | "lat"> = {
  e: "lon",
  w: "lon",
  东: "lon",
  西: "lon",
  n: "lat",
  s: "lat",
  北: "lat",
  南: "lat",
};
const dms = new RegExp(
  String.raw`(东经|西经|北纬|南纬|[NSEW])?\s*(${number})\s*[°度]\s*(?:(\d+(?:\.\d+)?)\s*['′’分]\s*)?(?:(\d+(?:\.\d+)?)\s*(?:["″”秒]|''|′′)\s*)?([NSEW])?`,
  "giu",
);
const decimal = new RegExp(String.raw`(东经|西经|北纬|南纬|[NSEW])?\s*(${number})\s*([NSEW])?`, "giu");

/** Full-width digits, signs and marks as plain ones. */
function plain(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[，、；;]/gu, ",")
    .replace(/[:：=]/gu, " ")
    .replace(/º/gu, "°")
    .trim();
}

function signed(value: number, letter: string | undefined): Angle {
  const first = letter?.[0]?.toLowerCase();
  const negative = first === "w" || first === "s" || first === "西" || first === "南";
  return {
    value: negative ? -value : value,
    axis: first ? (eastNorth[first] ?? null) : null,
    marked: Boolean(first),
  };
}

function dmsAngle(match: RegExpMatchArray): Angle | null {
  const [, before, degrees = "0", minutes = "0", seconds = "0", after] = match;
  if (Number(minutes) >= 60 || Number(seconds) >= 60) return null;
  const size = Math.abs(Number(degrees)) + Number(minutes) / 60 + Number(seconds) / 3600;
  return signed(degrees.startsWith("-") ? -size : size, before ?? after);
}

/** Which of two angles is the longitude: by mark, else the one that cannot be a latitude, else the first. */
function pair(first: Angle, second: Angle): { lon: number; lat: number } | null {
  const turned =
    first.axis === "lat" ||
    second.axis === "lon" ||
    (!first.axis && !second.axis && Math.abs(second.value) > 90);
  const [lon, lat] = turned ? [second, first] : [first, second];
  if (lon.axis === "lat" || lat.axis === "lon") return null;
  if (Math.abs(lon.value) > 180 || Math.abs(lat.value) > 90) return null;
  return { lon: lon.value, lat: lat.value };
}

function fromDms(text: string): Coordinates | null {
  const angles = [...text.matchAll(dms)].map(dmsAngle);
  const [first, second] = angles;
  if (angles.length !== 2 || !first || !second) return null;
  if (text.replace(dms, "").replace(/[,\s]/gu, "") !== "") return null;
  const place = pair(first, second);
  return place && { ...place, form: text.match(/['′’分"″”秒]/u) ? "dms" : "degrees" };
}

function fromDecimal(text: string): Coordinates | null {
  const parts = [...text.matchAll(decimal)].map((match) => signed(Number(match[2]), match[1] ?? match[3]));
  const [first, second] = parts;
  if (parts.length !== 2 || !first || !second) return null;
  if (text.replace(decimal, "").replace(/[,\s]/gu, "") !== "") return null;
  // Two small whole numbers are more likely half of a name than a place.
  if (!text.includes(".") && !first.marked && !text.includes(",")) return null;
  const place = pair(first, second);
  return place && { ...place, form: "degrees" };
}

/** Northing has seven digits in China, easting six, or eight with the zone number in front. */
function fromProjected(text: string, nearLon: number | null): Coordinates | null {
  const values = text
    .replace(/[XYEN]|东坐标|北坐标|[米m]/giu, " ")
    .match(new RegExp(number, "gu"))
    ?.map(Number);
  if (values?.length !== 2 || text.replace(/[XYEN]|东坐标|北坐标|[米m]/giu, "").match(/[^\d.,+\s-]/u))
    return null;
  const northing = values.find((value) => value >= 1_500_000 && value < 6_500_000);
  const easting = values.find((value) => value !== northing);
  if (northing === undefined || easting === undefined) return null;
  const short = easting >= 100_000 && easting < 900_000;
  const zone = short ? nearLon !== null && zoneOfLongitude(nearLon) : zoneOfEasting(easting);
  if (!zone) return null;
  return { ...inverse(zone, easting, northing), form: "projected", crs: `EPSG:${zone.epsg}` };
}

/**
 * The place that a text names, or null when it is no pair of coordinates.
 *
 * `nearLon` (degrees) says which zone a projected pair without number belongs to: the site's own longitude.
 */
export function parseCoordinates(text: string, nearLon: number | null): Coordinates | null {
  const clean = plain(text);
  if (!/\d/u.test(clean)) return null;
  return fromProjected(clean, nearLon) ?? fromDms(clean) ?? fromDecimal(clean);
}
