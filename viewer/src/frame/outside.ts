/** A popup closes when the hand goes elsewhere. */
import { onBeforeUnmount, onMounted, type Ref } from "vue";

export function onOutside(box: Ref<HTMLElement | undefined>, close: () => void): void {
  const hear = (event: PointerEvent) => {
    if (box.value && event.target instanceof Node && !box.value.contains(event.target)) close();
  };
  onMounted(() => document.addEventListener("pointerdown", hear, true));
  onBeforeUnmount(() => document.removeEventListener("pointerdown", hear, true));
}
