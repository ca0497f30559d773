/** Gauss-Krüger on CGCS2000, the projected coordinates that people paste. */

const a = 6378137;
const f = 1 / 298.257222101;
const n = f / (2 - f);
const falseEasting = 500_000;

/** Radius of the rectifying sphere, metres. */
const rectifying = (a / (1 + n)) * (1 + n ** 2 / 4 + n ** 4 / 64);

/** Krüger's inverse series (1912), to the fourth order: under a millimetre within a zone. */
const beta = [
  n / 2 - (2 * n ** 2) / 3 + (37 * n ** 3) / 96 - n ** 4 / 360,
  n ** 2 / 48 + n ** 3 / 15 - (437 * n ** 4) / 1440,
  (17 * n ** 3) / 480 - (37 * n ** 4) / 840,
  (4397 * n ** 4) / 161280,
];
const delta = [
  2 * n - (2 * n ** 2) / 3 - 2 * n ** 3 + (116 * n ** 4) / 45,
  (7 * n ** 2) / 3 - (8 * n ** 3) / 5 - (227 * n ** 4) / 45,
  (56 * n ** 3) / 15 - (136 * n ** 4) / 35,
  (4279 * n ** 4) / 630,
];

export interface Zone {
  epsg: number;
  /** Central meridian, degrees. */
  meridian: number;
  /** What the zone number adds to the easting, metres; 0 without a prefix. */
  prefix: number;
}

/** The zone of an easting that carries its number in front: 39 618 000 is 3-degree zone 39, 117° E. */
export function zoneOfEasting(easting: number): Zone | null {
  const number = Math.floor(easting / 1_000_000);
  if (number >= 25 && number <= 45)
    return { epsg: 4488 + number, meridian: number * 3, prefix: number * 1_000_000 };
  if (number >= 13 && number <= 23)
    return { epsg: 4478 + number, meridian: number * 6 - 3, prefix: number * 1_000_000 };
  return null;
}

/** The 3-degree zone without prefix around a longitude. */
export function zoneOfLongitude(lon: number): Zone | null {
  const meridian = Math.round(lon / 3) * 3;
  if (meridian < 75 || meridian > 135) return null;
  return { epsg: 4534 + (meridian - 75) / 3, meridian, prefix: 0 };
}

/** Degrees of a projected position; `easting` carries the zone's prefix. */
export function inverse(zone: Zone, easting: number, northing: number): { lon: number; lat: number } {
  const xi = northing / rectifying;
  const eta = (easting - zone.prefix - falseEasting) / rectifying;
  let xi0 = xi;
  let eta0 = eta;
  beta.forEach((b, index) => {
    const k = 2 * (index + 1);
    xi0 -= b * Math.sin(k * xi) * Math.cosh(k * eta);
    eta0 -= b * Math.cos(k * xi) * Math.sinh(k * eta);
  });
  const chi = Math.asin(Math.sin(xi0) / Math.cosh(eta0));
  const lat = delta.reduce((sum, d, index) => sum + d * Math.sin(2 * (index + 1) * chi), chi);
  const lon = Math.atan2(Math.sinh(eta0), Math.cos(xi0));
  return { lon: zone.meridian + (lon * 180) / Math.PI, lat: (lat * 180) / Math.PI };
}
