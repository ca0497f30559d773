/** The left side of a comparison: the same state, but for its moment and what its own map writes. */
import { computed, reactive, toRef } from "vue";
import type { AppState } from "./app";

/** A state that shares everything with `app` save the moment, the eye, and what is under way. */
export function beforeOf(app: AppState): AppState {
  const own = {
    at: computed(() => app.compare?.at ?? null),
    known: computed(() => app.compare?.known ?? null),
    scrub: null,
    camera: null,
    cursor: null,
    metresPerPixel: null,
    picked: null,
    loading: {},
    tool: null,
    toolResult: null,
    sceneError: null,
  };
  const shared = Object.keys(app)
    .filter((name) => !(name in own))
    .map((name) => [name, toRef(app, name as keyof AppState)]);
  return reactive({ ...Object.fromEntries(shared), ...own }) as unknown as AppState;
}
