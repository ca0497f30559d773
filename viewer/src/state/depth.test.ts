import { expect, test } from "vitest";
import { depthTicks } from "./depth";

test("from the side a metre is as long as a metre", () => {
  // 0.05 m a pixel: 20 px a metre, so ticks every two metres.
  expect(depthTicks(0.05, 0).slice(0, 3)).toEqual([
    { depth: 0, at: 0 },
    { depth: 2, at: 40 },
    { depth: 4, at: 80 },
  ]);
});

test("tilted by 60 degrees it is half as long", () => {
  const [, first] = depthTicks(0.05, -60);
  expect(first?.depth).toBe(5);
  expect(first?.at).toBeCloseTo(50);
});

test("ticks stay apart and the scale stays short, whatever the view", () => {
  for (const metres of [0.004, 0.02, 0.13, 0.9, 4])
    for (const pitch of [0, -20, -45, -70]) {
      const ticks = depthTicks(metres, pitch);
      ticks.slice(1).forEach(({ at }, n) => {
        expect(at - (ticks[n]?.at ?? 0)).toBeGreaterThanOrEqual(26);
      });
      expect(ticks.at(-1)?.at ?? 0).toBeLessThanOrEqual(150);
    }
});

test("from straight above there is nothing to measure", () => {
  expect(depthTicks(0.1, -90)).toEqual([]);
});
