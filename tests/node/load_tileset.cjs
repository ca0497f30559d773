// Loads a tileset into CesiumJS in a headless Chromium and reports what is there.
//
//   node load_tileset.cjs VIEWER_FOLDER CHROMIUM ROOT TILESET LON LAT HEIGHT [MODE]
//
// ROOT is a folder with the tiles as their addresses say. Prints JSON: errors, how many tiles and features are
// ready, and the properties of what is picked at the given place (degrees, metres above the ellipsoid).
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { createRequire } = require("node:module");

const [viewer, chromium, root, tileset, lon, lat, height, mode = "3d"] = process.argv.slice(2);
const load = createRequire(path.join(viewer, "package.json"));
const cesium = path.join(path.dirname(load.resolve("cesium/package.json")), "Build", "Cesium");
const TYPES = { ".js": "text/javascript", ".json": "application/json", ".css": "text/css", ".wasm": "application/wasm" };
const FLAGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
];

const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/cesium/Widgets/widgets.css">
<style>html, body, #map { margin: 0; width: 100%; height: 100% }</style>
<div id="map"></div><script>window.CESIUM_BASE_URL = "/cesium/";</script><script src="/cesium/Cesium.js"></script>`;

function answer(request, response) {
  const name = decodeURIComponent(new URL(request.url, "http://x").pathname);
  if (name === "/") {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(PAGE);
    return;
  }
  const file = name.startsWith("/cesium/") ? path.join(cesium, name.slice(8)) : path.join(root, name);
  if (!fs.existsSync(file)) {
    response.writeHead(404);
    response.end();
    return;
  }
  response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" });
  fs.createReadStream(file).pipe(response);
}

// Runs in the page.
async function show([url, lon, lat, height, mode]) {
  const Cesium = window.Cesium;
  Cesium.Ion.defaultAccessToken = undefined;
  const errors = [];
  const map = new Cesium.CesiumWidget("map", { baseLayer: false, creditContainer: document.createElement("div") });
  if (mode === "2d") {
    map.scene.morphTo2D(0);
  }
  const tiles = await Cesium.Cesium3DTileset.fromUrl(url, { projectTo2D: mode === "2d" });
  tiles.tileFailed.addEventListener((e) => errors.push(`${e.url} ${e.message}`));
  map.scene.renderError.addEventListener((_, e) => errors.push(String(e)));
  map.scene.primitives.add(tiles);
  const target = Cesium.Cartesian3.fromDegrees(lon, lat, height);
  map.camera.setView({ destination: Cesium.Cartesian3.fromDegrees(lon, lat, height + 600) });
  // allTilesLoaded is not raised where there is nothing to load.
  await new Promise((done) => {
    let frames = 0;
    tiles.allTilesLoaded.addEventListener(done);
    map.scene.postRender.addEventListener(() => ++frames > 20 && tiles.tilesLoaded && done());
  });
  map.scene.render();
  const place = Cesium.SceneTransforms.worldToWindowCoordinates(map.scene, target);
  const picked = place && map.scene.pick(place);
  const names = picked?.getPropertyIds?.() ?? [];
  return {
    errors,
    tiles: tiles.statistics.numberOfTilesWithContentReady,
    features: tiles.statistics.numberOfFeaturesLoaded,
    picked: Object.fromEntries(names.map((n) => [n, picked.getProperty(n)])),
  };
}

async function main() {
  const server = http.createServer(answer);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  setTimeout(() => process.exit(2), 170000).unref();
  const browser = await load("playwright-core").chromium.launch({ executablePath: chromium, args: FLAGS });
  try {
    const page = await browser.newPage({ viewport: { width: 640, height: 400 } });
    const failures = [];
    page.on("pageerror", (error) => failures.push(error.message));
    page.on("response", (got) => got.status() >= 400 && failures.push(`${got.status()} ${got.url()}`));
    page.setDefaultTimeout(120000);
    await page.goto(`http://127.0.0.1:${server.address().port}/`, { waitUntil: "load" });
    const seen = await page.evaluate(show, [tileset, Number(lon), Number(lat), Number(height), mode]);
    process.stdout.write(JSON.stringify({ ...seen, errors: [...seen.errors, ...failures] }));
  } finally {
    await browser.close();
    server.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
