import { expect, test } from "vitest";
import { fractionOf, iso, marksOf, millis, momentAt, stepFrom, stretchOf } from "./clock";

const title = { zh: "", en: "" };
const epochs = ["2021-07-01", "2023-07-01", "2025-07-01"].map((day) => ({ at: `${day}T00:00:00Z`, title }));
const now = millis("2026-11-21T00:00:00Z");
const survey = stretchOf("survey", now, epochs, millis("1980-01-01"));

test("the right end is now", () => {
  expect(momentAt(survey, 1, epochs)).toBeNull();
  expect(survey.to).toBe(now);
});

test("a survey catches the handle near it, and nothing does further away", () => {
  const at = fractionOf(survey, millis("2023-07-01"));
  expect(momentAt(survey, at + 0.005, epochs)).toBe("2023-07-01T00:00:00Z");
  expect(momentAt(survey, at + 0.05, epochs)).not.toBe("2023-07-01T00:00:00Z");
});

test("years rest on days", () => {
  expect(momentAt(survey, 0.3, epochs)).toMatch(/T00:00:00Z$/);
});

test("the survey stretch begins a little before the first survey, not when the oldest house was built", () => {
  const first = fractionOf(survey, millis("2021-07-01"));
  expect(first).toBeGreaterThan(0.02);
  expect(first).toBeLessThan(0.1);
  expect(stretchOf("all", now, epochs, millis("1980-01-01")).from).toBe(millis("1980-01-01"));
});

test("steps go from survey to survey and end at now", () => {
  expect(stepFrom(null, epochs, -1)).toBe("2025-07-01T00:00:00Z");
  expect(stepFrom("2025-07-01T00:00:00Z", epochs, 1)).toBeNull();
  expect(stepFrom("2022-01-01T00:00:00Z", epochs, 1)).toBe("2023-07-01T00:00:00Z");
  expect(stepFrom("2021-07-01T00:00:00Z", epochs, -1)).toBe("2021-07-01T00:00:00Z");
  expect(stepFrom(null, [], 1)).toBeNull();
});

test("marks are few and inside", () => {
  for (const preset of ["day", "week", "survey", "all"] as const) {
    const stretch = stretchOf(preset, now, epochs, millis("1956-01-01"));
    const marks = marksOf(stretch);
    expect(marks.length).toBeGreaterThan(0);
    expect(marks.length).toBeLessThanOrEqual(10);
    for (const { time } of marks) expect(time).toBeGreaterThanOrEqual(stretch.from);
  }
});

test("moments are written as the server writes them", () => {
  expect(iso(millis("2021-07-01"))).toBe("2021-07-01T00:00:00Z");
});

test("a twin that was filled this morning still has a year of slider", () => {
  const stretch = stretchOf("survey", now, [], now - 60_000);
  expect(stretch.to - stretch.from).toBeGreaterThan(365 * 86_400_000);
});
