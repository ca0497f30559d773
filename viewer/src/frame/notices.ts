/** Sentences that come and go: what happened, to what, what to do. */
import { reactive } from "vue";
import { ServerError } from "../api/client";
import { i18n } from "../i18n";

export interface Notice {
  id: number;
  tone: "plain" | "good" | "bad";
  text: string;
  action?: { label: string; run: () => void };
}

export const notices = reactive<Notice[]>([]);
let next = 1;

export function notify(text: string, options: Partial<Omit<Notice, "id" | "text">> = {}): void {
  const id = next++;
  notices.push({ id, tone: "plain", text, ...options });
  if (notices.length > 4) notices.shift();
  setTimeout(() => dismiss(id), options.tone === "bad" ? 12_000 : 6_000);
}

export function dismiss(id: number): void {
  const index = notices.findIndex((notice) => notice.id === id);
  if (index >= 0) notices.splice(index, 1);
}

/** An error as a sentence: the server's own words where it had some. */
export function sentence(error: unknown): string {
  const { t } = i18n.global;
  if (error instanceof ServerError && error.status === 0) return t("error.unreachable");
  if (error instanceof ServerError) return error.message;
  return t("error.unexpected", { reason: error instanceof Error ? error.message : String(error) });
}
