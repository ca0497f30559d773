import { expect, test } from "vitest";
import { watch } from "vue";
import { createApp } from "./app";
import { beforeOf } from "./before";

test("the left side has its own moment and eye, and everything else of the map's", () => {
  const app = createApp();
  const before = beforeOf(app);
  app.compare = { how: "swipe", at: "2021-07-01T00:00:00Z", known: null, split: 0.5 };
  app.at = "2025-07-01T00:00:00Z";
  expect([before.at, before.known]).toEqual(["2021-07-01T00:00:00Z", null]);
  const camera = { lon: 1, lat: 2, height: 3, heading: 0, pitch: -90 };
  before.camera = camera;
  before.loading.pipes = { state: "pending" };
  expect([app.camera, app.loading]).toEqual([null, {}]);
  app.layers.pipes = { visible: true, opacity: 1, order: 0, hidden: [], filter: null };
  expect(before.layers.pipes?.visible).toBe(true);
  before.highlighted = { pipes: ["a"] };
  expect(app.highlighted).toEqual({ pipes: ["a"] });
});

test("a drawing that watches the left side hears of its moment", () => {
  const app = createApp();
  const before = beforeOf(app);
  const heard: (string | null)[] = [];
  watch(
    () => before.at,
    (at) => heard.push(at),
    { flush: "sync" },
  );
  app.compare = { how: "panes", at: "2021-07-01T00:00:00Z", known: null, split: 0.5 };
  app.compare = null;
  expect(heard).toEqual(["2021-07-01T00:00:00Z", null]);
});
