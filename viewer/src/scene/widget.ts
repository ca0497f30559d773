/** Cesium, set up to ask nobody but our own server and to draw only when something changes. */
import { CesiumWidget, Color, Ion, JulianDate, ShadowMode } from "cesium";
import "./scene.css";

/** True where WebGL is computed by the processor: a server in a cupboard, a virtual desktop, a test. */
export function isModest(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) throw new Error("WebGL 2");
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

export function createWidget(container: HTMLElement, modest: boolean): CesiumWidget {
  Ion.defaultAccessToken = "";
  const widget = new CesiumWidget(container, {
    baseLayer: false,
    skyBox: false,
    scene3DOnly: true,
    requestRenderMode: true,
    maximumRenderTimeChange: Number.POSITIVE_INFINITY,
    msaaSamples: modest ? 1 : 4,
    shadows: false,
    terrainShadows: ShadowMode.RECEIVE_ONLY,
    showRenderLoopErrors: false,
    useBrowserRecommendedResolution: modest,
    creditContainer: document.createElement("div"),
    blurActiveElementOnCanvasFocus: false,
    shouldAnimate: false,
    // The sky is the page behind the picture.
    contextOptions: { webgl: { alpha: true, powerPreference: "high-performance" } },
  });
  const { scene } = widget;
  // Nothing in the picture follows the sun of the day, so one noon serves all computations that want a time.
  widget.clock.currentTime = JulianDate.fromIso8601("2025-06-21T04:00:00Z");
  scene.highDynamicRange = false;
  scene.postProcessStages.fxaa.enabled = false;
  if (scene.sun) scene.sun.show = false;
  if (scene.moon) scene.moon.show = false;
  scene.globe.baseColor = Color.LIGHTGRAY;
  widget.canvas.tabIndex = 0;
  if (modest) sharpenAtRest(widget);
  return widget;
}

/** Where every pixel is computed by hand: half of them while moving, all of them at rest. */
function sharpenAtRest(widget: CesiumWidget): void {
  widget.camera.moveStart.addEventListener(() => {
    widget.resolutionScale = 0.5;
  });
  widget.camera.moveEnd.addEventListener(() => {
    widget.resolutionScale = 1;
    widget.scene.requestRender();
  });
}
