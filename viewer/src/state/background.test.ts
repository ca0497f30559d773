import { beforeEach, expect, test } from "vitest";
import { again, background, choose, failed } from "./background";

beforeEach(() => choose(null));

test("a background is off until it is chosen", () => {
  expect(background.chosen).toBeNull();
});

test("a tile that is not there is no failure, an outside that does not answer is one", () => {
  choose("img");
  failed(404);
  expect(background.failed).toBeNull();
  failed(502);
  expect(background.failed).toBe(502);
  failed(undefined);
  expect(background.failed).toBe(0);
});

test("asking again and choosing another one clear the mark", () => {
  choose("img");
  failed(502);
  const before = background.tries;
  again();
  expect([background.failed, background.tries]).toEqual([null, before + 1]);
  failed(502);
  choose("vec");
  expect(background.failed).toBeNull();
});
