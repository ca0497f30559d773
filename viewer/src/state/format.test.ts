import { expect, test } from "vitest";
import {
  formatAge,
  formatArea,
  formatDms,
  formatLength,
  formatNumber,
  formatScale,
  formatTime,
  formatUnit,
  formatValue,
  missing,
} from "./format";

const thin = "\u202f";

test("what is missing is a dash and what is zero is zero", () => {
  expect(formatValue(null, null, "zh")).toBe(missing);
  expect(formatValue("", null, "zh")).toBe(missing);
  expect(formatValue(Number.NaN, null, "zh")).toBe(missing);
  expect(formatLength(null)).toBe(missing);
  expect(formatValue(0, { type: "number", unit: "m" }, "zh")).toBe(`0${thin}m`);
});

test("numbers keep the decimals that they have, without noise, grouped from five digits", () => {
  expect(formatNumber(0.1 + 0.2)).toBe("0.3");
  expect(formatNumber(2021)).toBe("2021");
  expect(formatNumber(1234567.5)).toBe(`1${thin}234${thin}567.5`);
  expect(formatNumber(-0.00001)).toBe("0");
  expect(formatNumber(-3.25)).toBe("−3.25");
});

test("units are printed as people print them", () => {
  expect(formatUnit("m3/h")).toBe("m³/h");
  expect(formatUnit("m2")).toBe("m²");
  expect(formatUnit("degC")).toBe("°C");
  expect(formatValue(35, { type: "number", unit: "%" }, "zh")).toBe("35%");
});

test("lengths and areas change unit with their size", () => {
  expect(formatLength(3.1372)).toBe(`3.14${thin}m`);
  expect(formatLength(1234.6)).toBe(`1.235${thin}km`);
  expect(formatArea(9999.96)).toBe(`10${thin}000${thin}m²`);
  expect(formatArea(25_000)).toBe(`2.5${thin}ha`);
});

test("the scale is that of OGC's pixel, to two figures", () => {
  expect(formatScale(1.4)).toBe("1:5000");
  expect(formatScale(null)).toBe(missing);
});

test("sixty seconds never show", () => {
  expect(formatDms(118.99999999, -38.3512)).toBe("119°00′00.0″E 38°21′04.3″S");
});

test("a day stays a day in every time zone", () => {
  expect(formatTime("2021-07-01T00:00:00Z")).toBe("2021-07-01");
  expect(formatTime("2021-07-01")).toBe("2021-07-01");
  expect(formatTime(null)).toBe(missing);
});

test("age is a sentence in each language", () => {
  const now = "2025-01-10T00:00:00Z";
  expect(formatAge("2025-01-07T00:00:00Z", now, "zh")).toBe("3天前");
  expect(formatAge("2025-01-09T22:00:00Z", now, "en")).toBe("2 hours ago");
});

test("truth is said in the reader's language", () => {
  expect(formatValue(true, null, "zh")).toBe("是");
  expect(formatValue(false, null, "en")).toBe("no");
});
