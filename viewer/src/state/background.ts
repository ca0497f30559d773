/** Maps of others that may lie under the twin's own layers: which there are, which is on, whether it comes. */
import { reactive } from "vue";
import type { Background } from "../api/types";

export interface BackgroundState {
  list: Background[];
  /** The server's configuration cannot be used: why. */
  problem: string | null;
  /** The name of the one that is on; none at first. */
  chosen: string | null;
  /** Tiles of it did not come: the status, 0 for no answer. */
  failed: number | null;
  /** Another number asks for it again. */
  tries: number;
}

export const background = reactive<BackgroundState>({
  list: [],
  problem: null,
  chosen: null,
  failed: null,
  tries: 0,
});

/** Turn one on, or all off. */
export function choose(name: string | null): void {
  background.chosen = name;
  background.failed = null;
}

/** Ask for it again. */
export function again(): void {
  background.failed = null;
  background.tries += 1;
}

/** A tile did not come; that there is none at a place (404) is no failure. */
export function failed(status: number | undefined): void {
  if (status !== 404) background.failed = status ?? 0;
}
