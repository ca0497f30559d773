/** The words for codes in data: people read "来源数据给出", not "stated". */
import { i18n } from "../i18n";

/** Columns in which people write their own words: a place called "park" is called so. */
const own = new Set(["id", "name", "title", "note", "address", "owner", "description"]);
const code = /^[A-Za-z]\w*$/u;

/** What a code of a column is called, in the language of the page; null where we have no word for it. */
export function termOf(column: string, value: unknown): string | null {
  if (typeof value !== "string" || own.has(column) || !code.test(value)) return null;
  const { t, te } = i18n.global;
  const key = [`terms.of.${column}.${value}`, `terms.any.${value}`].find((one) => te(one));
  return key ? t(key) : null;
}
