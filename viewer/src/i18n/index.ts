import { createI18n } from "vue-i18n";
import en from "./en";
import zh from "./zh-CN";

/** Chinese first; the keys of zh-CN.ts are the type of every other language. */
export const i18n = createI18n<[typeof zh], "zh" | "en", false>({
  legacy: false,
  locale: "zh",
  fallbackLocale: "zh",
  messages: { zh, en },
});
