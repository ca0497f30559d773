/** Rows as files: what the server writes for all clients, and GeoJSON out of its sequence. */
import { address, ServerError } from "../api/client";
import type { Problem } from "../api/types";
import { i18n } from "../i18n";
import { notify } from "./notices";

export type ExportForm = "xlsx" | "csv" | "geojson";

const asked: Record<ExportForm, string> = { xlsx: "xlsx", csv: "csv", geojson: "geojsonseq" };
const record = "\u001e";

/** A sequence of features (RFC 8142) as one collection. */
export function collected(sequence: string): string {
  const features = sequence
    .split("\n")
    .map((line) => line.replace(record, "").trim())
    .filter(Boolean);
  return `{"type":"FeatureCollection","features":[\n${features.join(",\n")}\n]}\n`;
}

/** Save all `count` rows of a query; what goes wrong is a `ServerError` with the server's words. */
export async function exportAll(
  layer: string,
  query: Record<string, string>,
  form: ExportForm,
  count: number,
): Promise<void> {
  const { t } = i18n.global;
  notify(t("table.exporting", { n: count }));
  const url = address(`/ogc/collections/${encodeURIComponent(layer)}/items`, {
    ...query,
    f: asked[form],
    limit: Math.max(1, count),
  });
  const answer = await fetch(url);
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({ title: answer.statusText }))) as Problem;
    throw new ServerError(answer.status, problem, url);
  }
  const body = form === "geojson" ? new Blob([collected(await answer.text())]) : await answer.blob();
  const file = `${layer}.${form}`;
  saveFile(body, file);
  notify(t("table.exported", { n: count, file }), { tone: "good" });
}

export function saveFile(body: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(body);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
