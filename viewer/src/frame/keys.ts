/** The keyboard: one key for what is done often, and Esc for the way back. */
import { setTool, toggleTable } from "./actions";
import { app, closeCard, scene, ui } from "./store";

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/u.test(target.tagName))
  );
}

/** What is in front goes first: dialog, tool, panel, card. */
function leave(): void {
  if (ui.reporting) ui.reporting = null;
  else if (app.tool) setTool(null);
  else if (app.toolResult) scene.value?.clearTool();
  else if (ui.panel) ui.panel = null;
  else closeCard();
}

const keys: Record<string, () => void> = {
  "/": () => {
    ui.searchFocus += 1;
  },
  "2": () => {
    app.mode = "2d";
  },
  "3": () => {
    app.mode = "3d";
  },
  g: () => {
    app.underground = !app.underground;
  },
  m: () => setTool(app.tool === "distance" ? null : "distance"),
  n: () => void scene.value?.north(),
  t: () => toggleTable(),
  h: () => void scene.value?.home(),
  "+": () => void scene.value?.zoom(0.5),
  "=": () => void scene.value?.zoom(0.5),
  "-": () => void scene.value?.zoom(2),
};

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave();
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const act = keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
