import { describe, expect, test } from "vitest";
import { parseCoordinates } from "./coordinates";

const lon = 118.36134;
const lat = 38.3512;

describe("a place in degrees", () => {
  test.each([
    "118.36134, 38.35120",
    "38.35120, 118.36134",
    "118.36134 38.35120",
    "１１８.３６１３４，３８.３５１２０",
    "118.36134E 38.3512N",
    "N38.3512 E118.36134",
    "东经118.36134°，北纬38.35120°",
    "118.36134°E, 38.3512°N",
  ])("%s", (text) => {
    expect(parseCoordinates(text, null)).toEqual({ lon, lat, form: "degrees" });
  });

  test("the southern and western halves are negative", () => {
    expect(parseCoordinates("S 33.5, W 70.25", null)).toEqual({ lon: -70.25, lat: -33.5, form: "degrees" });
  });
});

describe("a place in degrees, minutes and seconds", () => {
  test.each([
    `118°21'40.824"E 38°21'4.32"N`,
    "38°21′4.32″N, 118°21′40.824″E",
    "118度21分40.824秒，38度21分4.32秒",
    "北纬38°21′4.32″ 东经118°21′40.824″",
    "118°21.6804′ 38°21.072′",
  ])("%s", (text) => {
    const place = parseCoordinates(text, null);
    expect(place?.form).toBe("dms");
    expect(place?.lon).toBeCloseTo(lon, 7);
    expect(place?.lat).toBeCloseTo(lat, 7);
  });
});

// The figures are PROJ's (pyproj, EPSG:4490 to each).
describe("a projected place is where PROJ has it", () => {
  test.each([
    ["39618999.9656, 4247358.4225", lon, lat, "EPSG:4527"],
    ["X=4247358.4225 Y=39618999.9656", lon, lat, "EPSG:4527"],
    ["4247358.4225 618999.9656", lon, lat, "EPSG:4548"],
    ["17644737.7491 3321060.8409", 100.5, 30, "EPSG:4495"],
    ["38505143.7028,2492490.2897", 114.05, 22.53, "EPSG:4526"],
    ["40377534.3202 4241725.2319", 118.6, 38.3, "EPSG:4528"],
  ])("%s", (text, east, north, crs) => {
    const place = parseCoordinates(text, east < 118 ? null : 118.36);
    if (crs === "EPSG:4548") expect(parseCoordinates(text, 117.9)?.crs).toBe("EPSG:4548");
    const found = crs === "EPSG:4548" ? parseCoordinates(text, 117.9) : place;
    expect(found?.crs).toBe(crs);
    expect(found?.lon).toBeCloseTo(east, 8);
    expect(found?.lat).toBeCloseTo(north, 8);
  });

  test("without a zone number and without a site there is no place", () => {
    expect(parseCoordinates("4247358.4 618999.9", null)).toBeNull();
  });
});

test.each([
  "海丰路",
  "3号楼",
  "海丰路12号",
  "B-1024",
  "12 34",
  "118.3",
  "95.1, 99.2",
  "118°70'0\" 38°0'0\"",
  "1,2,3",
])("%s is a name, not a place", (text) => {
  expect(parseCoordinates(text, 118)).toBeNull();
});
