/** What a change event speaks of, read at once and once: list, map and notice share the answer. */
import { ServerError, server } from "./client";
import type { ChangeEvent, Feature } from "./types";

/** A thing as it is now; `feature` is null when it is there no more. */
export interface News {
  id: string;
  feature: Feature | null;
}

/** Of more than this, reading the layer again is less work. */
const few = 50;
const asked = new WeakMap<ChangeEvent, Promise<News[]>>();

/** The things that an event names, or null when it names none or too many. */
export function newsOf(event: ChangeEvent): Promise<News[]> | null {
  if (!event.ids || event.ids.length > few) return null;
  const known = asked.get(event) ?? Promise.all(event.ids.map((id) => read(event.layer, id)));
  asked.set(event, known);
  return known;
}

async function read(layer: string, id: string): Promise<News> {
  try {
    return { id, feature: await server.feature(layer, id, { at: null, known: null }) };
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return { id, feature: null };
    throw error;
  }
}
