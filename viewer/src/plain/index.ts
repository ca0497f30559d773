/**
 * The map without WebGL 2: pictures that the server draws, dragged and zoomed. No Cesium here.
 *
 * It answers to the same handle as the scene, so that search, cards and incidents are the very same ones.
 */
import { watch } from "vue";
import { server } from "../api/client";
import { onLive } from "../api/live";
import type { Feature } from "../api/types";
import type { SceneHandle, Target } from "../scene/contract";
import type { AppState, Hit, Place } from "../state/app";
import { middleOf, spanOf } from "../state/geometry";
import { latOf, levelFor, metresOf, type View, xOf, yOf } from "./mercator";
import "./plain.css";

const size = 256;
const [shallowest, deepest] = [3, 19];
/** How near to a thing counts as on it; CSS pixels. */
const near = 8;

export function createPlain(box: HTMLElement, app: AppState): SceneHandle {
  box.classList.add("plain-map");
  box.tabIndex = 0;
  const tiles = box.appendChild(document.createElement("div"));
  const signs = box.appendChild(document.createElement("div"));
  const [west, south, east, north] = app.site?.bbox ?? [73, 18, 135, 54];
  let view: View = { lon: (west + east) / 2, lat: (south + north) / 2, level: 12 };
  let incidents: Feature[] = [];
  const views: View[] = [];
  app.mode = "2d";

  const scale = () => size * 2 ** view.level;
  const corner = () => ({
    x: xOf(view.lon) * scale() - box.clientWidth / 2,
    y: yOf(view.lat) * scale() - box.clientHeight / 2,
  });
  const placeAt = (x: number, y: number): Place => {
    const from = corner();
    return { lon: ((from.x + x) / scale()) * 360 - 180, lat: latOf((from.y + y) / scale()), height: null };
  };
  const address = (x: number, y: number) => {
    const query = new URLSearchParams({ lang: app.lang });
    if (app.at) query.set("at", app.at);
    if (app.known) query.set("known", app.known);
    if (app.dark) query.set("dark", "1");
    return `/tiles/map/${view.level}/${x}/${y}.png?${query}`;
  };
  const draw = () => {
    const from = corner();
    const wanted = new Map<string, [number, number]>();
    const count = 2 ** view.level;
    for (let x = Math.floor(from.x / size); x * size < from.x + box.clientWidth; x += 1)
      for (let y = Math.floor(from.y / size); y * size < from.y + box.clientHeight; y += 1)
        if (y >= 0 && y < count) wanted.set(address(((x % count) + count) % count, y), [x, y]);
    for (const old of [...tiles.children] as HTMLImageElement[])
      if (!wanted.has(old.dataset.url ?? "")) old.remove();
    for (const [url, [x, y]] of wanted) {
      let tile = tiles.querySelector<HTMLImageElement>(`[data-url="${CSS.escape(url)}"]`);
      if (!tile) {
        tile = document.createElement("img");
        tile.alt = "";
        tile.draggable = false;
        tile.dataset.url = url;
        tile.src = url;
        tiles.append(tile);
      }
      tile.style.transform = `translate(${Math.round(x * size - from.x)}px, ${Math.round(y * size - from.y)}px)`;
    }
    mark(from);
    app.camera = {
      lon: view.lon,
      lat: view.lat,
      height: metresOf(view) * box.clientHeight,
      heading: 0,
      pitch: -90,
    };
    app.metresPerPixel = metresOf(view);
  };
  const mark = (from: { x: number; y: number }) => {
    signs.replaceChildren();
    const put = (place: { lon: number; lat: number } | null, kind: string, title: string) => {
      if (!place) return;
      const sign = document.createElement("i");
      sign.className = kind;
      sign.title = title;
      sign.style.left = `${xOf(place.lon) * scale() - from.x}px`;
      sign.style.top = `${yOf(place.lat) * scale() - from.y}px`;
      signs.append(sign);
    };
    for (const { geometry, properties } of incidents)
      put(
        middleOf(geometry),
        `incident level-${String(properties.level ?? "")}`,
        String(properties.title ?? ""),
      );
    put(app.picked?.place ?? null, "place", "");
  };
  const look = (next: Partial<View>) => {
    const level = Math.min(deepest, Math.max(shallowest, Math.round(next.level ?? view.level)));
    const lat = Math.min(85, Math.max(-85, next.lat ?? view.lat));
    view = { lon: next.lon ?? view.lon, lat, level };
    draw();
  };
  const read = async () => {
    const query = { limit: 1000, datetime: app.at, known: app.known };
    incidents = await server.items("incidents", query).then(
      ({ features }) => features,
      () => [],
    );
    draw();
  };
  const pickAt = async (x: number, y: number): Promise<Hit[]> => {
    const { lon, lat } = placeAt(x, y);
    const layers = app.catalogue
      .filter(({ id, geometry }) => geometry !== "Raster" && app.layers[id]?.visible)
      .map(({ id }) => id);
    if (layers.length === 0) return [];
    const radius = Math.min(5000, near * metresOf(view));
    return server.pick({ lon, lat, radius, layers: layers.join(","), at: app.at, known: app.known });
  };
  const click = async (x: number, y: number) => {
    const place = placeAt(x, y);
    if (app.tool === "incident") {
      app.toolResult = { tool: "incident", value: null, points: [place], done: true };
      return;
    }
    app.picked = { place, hits: await pickAt(x, y).catch(() => []) };
    draw();
  };
  const stopHand = listen(box, { look, click, view: () => view, scale, placeAt });
  const watching = new ResizeObserver(draw);
  watching.observe(box);
  const stops = [
    stopHand,
    watch(() => [app.at, app.known], read, { immediate: true }),
    watch(() => [app.lang, app.dark], draw),
    onLive("change", ({ layer }) => layer === "incidents" && void read()),
  ];
  const flyTo = async (target: Target) => {
    views.push(view);
    if ("bbox" in target) {
      const [w, s, e, n] = target.bbox;
      const metres = Math.max(spanOf(target.bbox), 100) / Math.min(box.clientWidth, box.clientHeight);
      look({ lon: (w + e) / 2, lat: (s + n) / 2, level: levelFor(metres, (s + n) / 2) });
    } else look({ ...target, level: levelFor((target.range ?? 420) / box.clientHeight, target.lat) });
  };
  const home = async () => {
    if (app.site?.bbox) await flyTo({ bbox: app.site.bbox });
  };
  return {
    flyTo,
    look: ({ lon, lat, height }) => look({ lon, lat, level: levelFor(height / box.clientHeight, lat) }),
    home,
    back: async () => look(views.pop() ?? view),
    uncover: async () => {},
    pickAt,
    startTool: () => {},
    stopTool: () => {},
    clearTool: () => {
      app.toolResult = null;
    },
    north: async () => {},
    zoom: async (factor) => look({ level: view.level - Math.sign(Math.log2(factor)) }),
    extent: () => {
      const [upper, lower] = [placeAt(0, 0), placeAt(box.clientWidth, box.clientHeight)];
      return [upper.lon, lower.lat, lower.lon, upper.lat];
    },
    screenshot: () => Promise.reject(new Error("WebGL 2")),
    tie: () => () => {},
    settled: async () => {},
    destroy() {
      watching.disconnect();
      for (const stop of stops) stop();
      box.replaceChildren();
    },
  };
}

interface Hand {
  look(next: Partial<View>): void;
  click(x: number, y: number): Promise<void>;
  view(): View;
  scale(): number;
  placeAt(x: number, y: number): Place;
}

/** Drag, wheel, double click and the arrow keys. */
function listen(box: HTMLElement, { look, click, view, scale, placeAt }: Hand): () => void {
  let from: { x: number; y: number; view: View } | null = null;
  let dragged = false;
  const at = (event: MouseEvent) => {
    const frame = box.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  };
  const pan = (start: View, dx: number, dy: number) =>
    look({ lon: start.lon + (dx / scale()) * 360, lat: latOf(yOf(start.lat) + dy / scale()) });
  /** One level nearer or farther, with what is under the pointer staying there. */
  const zoom = (x: number, y: number, step: number) => {
    const under = placeAt(x, y);
    look({ level: view().level + step });
    const now = placeAt(x, y);
    look({ lon: view().lon + under.lon - now.lon, lat: view().lat + under.lat - now.lat });
  };
  const hears: [string, (event: never) => void][] = [
    [
      "pointerdown",
      (event: PointerEvent) => {
        from = { ...at(event), view: view() };
        dragged = false;
        box.setPointerCapture(event.pointerId);
      },
    ],
    [
      "pointermove",
      (event: PointerEvent) => {
        if (!from) return;
        const now = at(event);
        dragged ||= Math.hypot(now.x - from.x, now.y - from.y) > 4;
        if (dragged) pan(from.view, from.x - now.x, from.y - now.y);
      },
    ],
    [
      "pointerup",
      () => {
        from = null;
      },
    ],
    [
      "click",
      (event: MouseEvent) => {
        if (!dragged) void click(at(event).x, at(event).y);
      },
    ],
    ["dblclick", (event: MouseEvent) => zoom(at(event).x, at(event).y, 1)],
    [
      "wheel",
      (event: WheelEvent) => {
        event.preventDefault();
        zoom(at(event).x, at(event).y, event.deltaY < 0 ? 1 : -1);
      },
    ],
    [
      "keydown",
      (event: KeyboardEvent) => {
        const steps: Record<string, [number, number]> = {
          ArrowLeft: [-100, 0],
          ArrowRight: [100, 0],
          ArrowUp: [0, -100],
          ArrowDown: [0, 100],
        };
        const step = steps[event.key];
        if (step) pan(view(), ...step);
        if (event.key === "Enter") void click(box.clientWidth / 2, box.clientHeight / 2);
      },
    ],
  ];
  for (const [name, hear] of hears) box.addEventListener(name, hear as EventListener, { passive: false });
  return () => {
    for (const [name, hear] of hears) box.removeEventListener(name, hear as EventListener);
  };
}
