/** The map: everything that Cesium does for us starts here. */
import { type Cartesian2, Cartesian3, Math as CesiumMath, type CesiumWidget, SceneTransforms } from "cesium";
import { watch } from "vue";
import { onLive } from "../api/live";
import type { BBox } from "../api/types";
import type { AppState } from "../state/app";
import { createSketch, type Sketch } from "../tools/sketch";
import { createAir } from "./air";
import { createBackground } from "./background";
import { createBoard } from "./board";
import {
  createEye,
  type Eye,
  groundHeight,
  groundUnder,
  metresPerPixel,
  placeOf,
  readCamera,
  setFloor,
} from "./camera";
import { createClip } from "./clip";
import type { CreateScene, SceneHandle } from "./contract";
import { keepWidth, setMode } from "./flatten";
import { createGround, type Ground, upon } from "./globe";
import { shadows, sun } from "./light";
import { createMarks } from "./mark";
import { light, night } from "./palette";
import { pickAll, picturePick, positionAt, topPick } from "./picking";
import { keys, listen } from "./pointer";
import type { Stage } from "./stage";
import { tie } from "./tie";
import { setUnderground } from "./underground";
import { createWidget, isModest } from "./widget";

/** The widgets behind the handles, for those that are tied to each other. */
const ties = new WeakMap<SceneHandle, CesiumWidget>();

export const createScene: CreateScene = async (container, app) => {
  const modest = isModest();
  const widget = createWidget(container, modest);
  const stage = createStage(widget, app, modest);
  widget.scene.renderError.addEventListener((_scene: unknown, error: unknown) => {
    app.sceneError = String(error);
  });
  const ground = await createGround(widget.scene);
  const eye = createEye(widget, app, modest);
  const sketch = createSketch(stage);
  place(widget, app, modest);
  const stops = [
    ...followState(stage, ground),
    createMarks(stage),
    createClip(stage),
    createBackground(widget.scene, ground),
    keepWidth(widget),
    writeCamera(stage),
    listenToHand(stage, eye, sketch),
    listenToKeys(widget, eye, sketch),
    watch(
      () => app.tool,
      (id) => (id ? sketch.start(id) : sketch.stop()),
      { immediate: true },
    ),
  ];
  const board = createBoard(stage);
  stops.push(
    board.close,
    widget.camera.moveEnd.addEventListener(() => board.moved()),
  );
  const scene = handle(stage, eye, sketch, () => {
    for (const stop of stops) stop();
    ties.delete(scene);
    widget.destroy();
    if (window.__twin?.scene === scene) delete window.__twin;
  });
  ties.set(scene, widget);
  // The left side of a comparison is a guest of the map that stands already.
  window.__twin ??= {
    app,
    scene,
    pick: (x, y) => picturePick(widget, x, y),
    pixel: (lon, lat, height) => pixelOf(widget, lon, lat, height),
    viewer: widget,
  };
  return scene;
};

function createStage(widget: CesiumWidget, app: AppState, modest: boolean): Stage {
  return {
    widget,
    app,
    modest,
    palette: () => (app.dark ? night : light),
    moment: () => ({ at: app.at, known: app.known }),
    lit: (layer) => [
      ...(app.selected?.layer === layer ? [app.selected.id] : []),
      ...(app.hovered?.layer === layer ? [app.hovered.id] : []),
      ...(app.highlighted[layer] ?? []),
    ],
    report: (layer, state, reason) => {
      app.loading[layer] = { ...app.loading[layer], state, reason };
    },
    draw: () => widget.scene.requestRender(),
  };
}

/** Sun and first view; the frame may put the eye elsewhere right after. */
function place(widget: CesiumWidget, app: AppState, modest: boolean): void {
  const [west, south, east, north] = app.site?.bbox ?? [105, 34, 105, 34];
  widget.scene.light = sun((west + east) / 2, (south + north) / 2);
  shadows(widget.scene, !modest);
}

/** What the state says about the ground, the mode and the palette, done as it is said. */
function followState({ widget, app, palette, report }: Stage, ground: Ground): (() => void)[] {
  const air = createAir(widget);
  let version = 0;
  const map = () =>
    ground.map({
      bbox: app.site?.bbox ?? null,
      moment: { at: app.at, known: app.known },
      lang: app.lang,
      dark: app.dark,
      labels: app.mode === "2d",
      version,
    });
  const terrain = () =>
    ground.terrain({
      bbox: app.site?.bbox ?? null,
      there: app.site?.ground ?? false,
      moment: { at: app.at, known: app.known },
    });
  const colours = () => {
    ground.palette(palette(), app.dark);
    air.palette(palette());
  };
  const mode = () => {
    setMode(widget, app.mode);
    setUnderground(widget.scene, app.underground, app.mode === "2d", palette().underground);
    air.show(app.mode === "3d");
  };
  const floor = () => {
    const lows = app.catalogue.filter(({ kind }) => kind === "terrain").map(({ z }) => z?.[0] ?? -450);
    setFloor(widget, Math.min(0, ...lows) - 30);
  };
  // Without its terrain the map still serves; the layer says that it is missing.
  const land = () =>
    terrain().catch((cause: Error) => {
      for (const { id, kind } of app.catalogue) if (kind === "terrain") report(id, "failed", cause.message);
    });
  return [
    air.close,
    watch(() => app.catalogue, floor, { immediate: true }),
    watch(() => [app.at, app.known, app.lang, app.dark, app.mode, app.site], map, { immediate: true }),
    watch(
      () => [app.at, app.known, app.site],
      () => void land(),
      { immediate: true },
    ),
    watch(() => app.dark, colours, { immediate: true }),
    watch(() => [app.mode, app.underground, app.dark], mode, { immediate: true }),
    onLive("change", ({ layer }) => {
      if (app.at) return;
      const kind = app.catalogue.find(({ id }) => id === layer)?.kind ?? "";
      if (upon.has(kind)) return;
      version += 1;
      map();
      void land();
    }),
  ];
}

/** Where the eye rests and what a pixel is worth, for the link, the scale and the layers. */
function writeCamera({ widget, app }: Stage): () => void {
  const write = () => {
    app.camera = readCamera(widget);
    app.metresPerPixel = metresPerPixel(widget);
  };
  widget.camera.percentageChanged = 0.05;
  const stops = [
    widget.camera.moveEnd.addEventListener(write),
    widget.camera.changed.addEventListener(() => {
      app.metresPerPixel = metresPerPixel(widget);
    }),
  ];
  write();
  return () => {
    for (const stop of stops) stop();
  };
}

function listenToHand(stage: Stage, eye: Eye, sketch: Sketch): () => void {
  const { widget, app, modest } = stage;
  const { canvas } = widget;
  return listen(widget, {
    click(x, y) {
      if (sketch.active()) sketch.click(x, y);
      else void pick(stage, x, y);
    },
    doubleClick(x, y) {
      if (sketch.active()) {
        sketch.finish();
        return;
      }
      const position = positionAt(widget, x, y, false);
      if (!position) return;
      const { lon, lat, height } = placeOf(position);
      const range = Cartesian3.distance(position, widget.camera.positionWC) / 2.2;
      void eye.flyTo({ lon, lat, height, range: Math.max(range, 60), pitch: readCamera(widget).pitch });
    },
    move(x, y) {
      const under = groundUnder(widget, { x, y } as Cartesian2);
      app.cursor = under ? placeOf(under) : null;
      if (sketch.active()) sketch.move(x, y);
    },
    rest(x, y) {
      // Looking what is under the pointer draws the scene once more: only where that costs nothing.
      if (modest || sketch.active()) return;
      canvas.style.cursor = topPick(widget, x, y) ? "pointer" : "";
    },
  });
}

async function pick(stage: Stage, x: number, y: number): Promise<void> {
  const { widget, app } = stage;
  const hits = await pickAll(stage, x, y);
  const position = positionAt(widget, x, y, hits.length > 0);
  app.picked = { place: position ? placeOf(position) : null, hits };
}

function listenToKeys(widget: CesiumWidget, eye: Eye, sketch: Sketch): () => void {
  const { camera, canvas } = widget;
  const sketchKeys = (event: KeyboardEvent) => {
    if (!sketch.active() || (event.target as HTMLElement).closest?.("input, textarea, button, select"))
      return;
    if (event.key === "Enter") sketch.finish();
    if (event.key === "Backspace") sketch.undo();
  };
  // The keys of a drawing work wherever the focus is, except where one writes.
  document.addEventListener("keydown", sketchKeys);
  // The ring is for those who come by keys.
  const focus = () => {
    canvas.dataset.by = "hand";
    canvas.focus({ preventScroll: true });
  };
  const byKeys = () => delete canvas.dataset.by;
  canvas.addEventListener("pointerdown", focus);
  canvas.addEventListener("keydown", byKeys);
  canvas.addEventListener("blur", byKeys);
  const stop = keys(widget, {
    pan(right, up) {
      const range = (metresPerPixel(widget) ?? 1) * canvas.clientHeight;
      camera.moveRight(right * range);
      Cartesian3.normalize(camera.positionWC, new Cartesian3());
      moveForward(widget, up * range);
      widget.scene.requestRender();
    },
    turn(degrees) {
      camera.setView({
        orientation: {
          heading: camera.heading + CesiumMath.toRadians(degrees),
          pitch: camera.pitch,
          roll: 0,
        },
      });
      widget.scene.requestRender();
    },
    tilt(degrees) {
      const pitch = Math.min(0, Math.max(-Math.PI / 2, camera.pitch + CesiumMath.toRadians(degrees)));
      camera.setView({ orientation: { heading: camera.heading, pitch, roll: 0 } });
      widget.scene.requestRender();
    },
    zoom: (factor) => void eye.zoom(factor),
  });
  return () => {
    document.removeEventListener("keydown", sketchKeys);
    canvas.removeEventListener("pointerdown", focus);
    canvas.removeEventListener("keydown", byKeys);
    canvas.removeEventListener("blur", byKeys);
    stop();
  };
}

/** Along the ground in the direction that one looks at; metres. */
function moveForward({ camera }: CesiumWidget, metres: number): void {
  const up = Cartesian3.normalize(camera.positionWC, new Cartesian3());
  const ahead = Cartesian3.cross(up, camera.rightWC, new Cartesian3());
  camera.move(Cartesian3.normalize(ahead, ahead), metres);
}

function pixelOf(
  widget: CesiumWidget,
  lon: number,
  lat: number,
  height?: number,
): { x: number; y: number } | null {
  const position = Cartesian3.fromDegrees(lon, lat, height ?? groundHeight(widget, lon, lat));
  const pixel = SceneTransforms.worldToWindowCoordinates(widget.scene, position);
  return pixel ? { x: pixel.x, y: pixel.y } : null;
}

function handle(stage: Stage, eye: Eye, sketch: Sketch, destroy: () => void): SceneHandle {
  const { widget, app, draw } = stage;
  return {
    ...eye,
    pickAt: (x, y) => pickAll(stage, x, y),
    startTool: (id) => sketch.start(id),
    stopTool: () => sketch.stop(),
    clearTool: () => sketch.clear(),
    extent: () => {
      const seen = widget.camera.computeViewRectangle();
      if (!seen) return null;
      const { west, south, east, north } = seen;
      return [west, south, east, north].map((angle) => CesiumMath.toDegrees(angle)) as BBox;
    },
    screenshot: () =>
      new Promise((resolve, reject) => {
        widget.render();
        widget.canvas.toBlob(
          (blob) => (blob ? resolve(blob) : reject(new Error("canvas.toBlob"))),
          "image/png",
        );
      }),
    tie: (other) => {
      const there = ties.get(other);
      return there ? tie(widget, there) : () => {};
    },
    settled: () => settled(widget, app, draw),
    destroy,
  };
}

/** Nothing pending, no ground tile under way, for three pictures in a row. */
function settled({ scene, camera }: CesiumWidget, app: AppState, draw: () => void): Promise<void> {
  return new Promise((resolve) => {
    let calm = 0;
    let moving = false;
    const stops = [
      camera.moveStart.addEventListener(() => {
        moving = true;
      }),
      camera.moveEnd.addEventListener(() => {
        moving = false;
        draw();
      }),
    ];
    const stop = scene.postRender.addEventListener(() => {
      const pending = Object.values(app.loading).some(({ state }) => state === "pending");
      calm = !pending && !moving && scene.globe.tilesLoaded ? calm + 1 : 0;
      if (calm < 3) {
        requestAnimationFrame(draw);
        return;
      }
      for (const end of [stop, ...stops]) end();
      resolve();
    });
    draw();
  });
}
