/** What was chosen stays in sight: where the card would lie on it, the map moves aside. */
import { nextTick } from "vue";
import { scene } from "./store";

/** Between the thing and what lies beside it; CSS pixels. */
const room = 40;

/** Move the map so that a place in view does not lie under the card, or the phone's sheet; nothing where it is free already. */
export async function reveal(lon: number, lat: number, height: number | null): Promise<void> {
  await nextTick();
  const map = document.querySelector('[data-test="map"]')?.getBoundingClientRect();
  const sheet = document.querySelector<HTMLElement>('[data-test="sheet"]');
  const card = document.querySelector('[data-test="card"]');
  const tools = document.querySelector('[role="toolbar"]')?.getBoundingClientRect();
  if (!map || !(sheet ?? card)) return;
  // The tools stand at the edge of what is free. The sheet may still be on its way up: its height is what it will be.
  const edge = (sheet ? map.right : (card?.getBoundingClientRect().left ?? map.right)) - map.left;
  const right = edge - (tools?.width ?? 0) - 12 - room;
  const free = sheet
    ? { right, bottom: map.height - Number.parseFloat(sheet.style.height) - room }
    : { right, bottom: map.height };
  if (free.right < room || free.bottom < room) return;
  await scene.value?.uncover({ lon, lat, height }, free);
}
