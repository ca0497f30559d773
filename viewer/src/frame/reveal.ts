/** What was chosen stays in sight: where the card would lie on it, the map moves aside. */
import { nextTick } from "vue";
import { scene } from "./store";

/** Between the thing and the card; CSS pixels. */
const room = 48;

/** Move the map so that a place in view does not lie under the card, or the phone's sheet; nothing where it is free already. */
export async function reveal(lon: number, lat: number, height: number | null): Promise<void> {
  await nextTick();
  const map = document.querySelector('[data-test="map"]')?.getBoundingClientRect();
  const sheet = document.querySelector<HTMLElement>('[data-test="sheet"]');
  const card = document.querySelector('[data-test="card"]');
  if (!map || !(sheet ?? card)) return;
  // The sheet may still be on its way up: its height is what it will be.
  const free = sheet
    ? { right: map.width, bottom: map.height - Number.parseFloat(sheet.style.height) - room }
    : { right: (card?.getBoundingClientRect().left ?? map.right) - map.left - room, bottom: map.height };
  if (free.right < room || free.bottom < room) return;
  await scene.value?.uncover({ lon, lat, height }, free);
}
