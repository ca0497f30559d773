import { afterEach, expect, test } from "vitest";
import { i18n } from "../i18n";
import { termOf } from "./terms";

afterEach(() => {
  i18n.global.locale.value = "zh";
});

test("a code is said in the page's language", () => {
  expect(termOf("height_source", "stated")).toBe("来源数据给出");
  i18n.global.locale.value = "en";
  expect(termOf("height_source", "stated")).toBe("stated by the source");
});

test("a column's own word comes before the general one", () => {
  expect(termOf("role", "manhole")).toBe("检查井");
  expect(termOf("kind", "manhole")).toBe("井盖");
});

test("what nobody named, what people wrote and what is no code stay as they are", () => {
  expect(termOf("use", "heliport")).toBeNull();
  expect(termOf("name", "park")).toBeNull();
  expect(termOf("use", "mixed use")).toBeNull();
  expect(termOf("use", 3)).toBeNull();
  expect(termOf("any.stated", "x")).toBeNull();
});
