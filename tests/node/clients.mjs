// Opens what a running server serves in the map clients of others, unmodified, and says what they found.
//
//   node clients.mjs '{"address", "chromium", "layer", "lon", "lat", "zoom", "origin"}' CLIENT …
//
// Prints one line of JSON a client: {name, found, outside, trouble}. `origin` is where the pages of the map
// clients come from (the server must share with it: TWIN_CORS_ORIGINS); the pages are made here.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const setup = JSON.parse(process.argv[2]);
const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), "node_modules");
const FLAGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
  // The pages' origin is made up, and a page from elsewhere asks its reader before it reads from this machine.
  "--disable-features=LocalNetworkAccessChecks",
];
const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css" };
const PAGE = `<!doctype html><meta charset="utf-8"><style>html,body,#map{margin:0;width:100%;height:100%}</style>
<link rel="stylesheet" href="/maplibre-gl/dist/maplibre-gl.css"><div id="map"></div>`;

/** The ids that OpenLayers has drawn: hit detection on the whole map, on a grid finer than the features. */
async function openlayers(page) {
  await page.addScriptTag({ url: `${setup.origin}/ol/dist/ol.js` });
  return page.evaluate(async ({ address, layer, lon, lat, zoom }) => {
    const format = new ol.format.MVT();
    const url = `${address}/ogc/collections/${layer}/tiles/WebMercatorQuad`;
    const source = new ol.source.OGCVectorTile({ url, format });
    const tiles = new ol.layer.VectorTile({ source });
    const view = new ol.View({ center: ol.proj.fromLonLat([lon, lat]), zoom });
    const map = new ol.Map({ target: "map", layers: [tiles], view, controls: [] });
    await new Promise((done, failed) => {
      source.on("error", () => failed(new Error("OGCVectorTile cannot be read")));
      source.on("change", () => source.getState() === "error" && failed(new Error("OGCVectorTile: error")));
      map.on("rendercomplete", () => tiles.getFeaturesInExtent(view.calculateExtent()).length > 0 && done());
    });
    const [width, height] = map.getSize();
    const ids = new Set();
    for (let x = 1; x < width; x += 4) {
      for (let y = 1; y < height; y += 4) {
        map.forEachFeatureAtPixel([x, y], (feature) => void ids.add(feature.get("id")));
      }
    }
    const extent = ol.proj.transformExtent(view.calculateExtent(), "EPSG:3857", "EPSG:4326");
    return { version: ol.util.VERSION, ids: [...ids].sort(), extent };
  }, setup);
}

/** The ids that MapLibre has drawn, from our TileJSON or our style. */
async function maplibre(page, style) {
  return page.evaluate(async ({ origin, address, layer, lon, lat, zoom, style }) => {
    const { default: whole, ...named } = await import(`${origin}/maplibre-gl/dist/maplibre-gl.mjs`);
    const maplibregl = named.Map ? named : whole;
    const tilejson = `${address}/ogc/collections/${layer}/tiles/WebMercatorQuad?f=tilejson`;
    const own = {
      version: 8,
      sources: { twin: { type: "vector", url: tilejson } },
      layers: [{ id: "fill", type: "fill", source: "twin", "source-layer": layer, paint: { "fill-color": "#c33" } }],
    };
    const map = new maplibregl.Map({
      container: "map",
      style: style ? `${address}/ogc/collections/${layer}/styles/${style}` : own,
      center: [lon, lat],
      zoom: zoom - 1, // its tiles are of 512 pixels
      attributionControl: false,
    });
    const trouble = [];
    map.on("error", (event) => trouble.push(String(event.error?.message ?? event.error)));
    await new Promise((done) => map.once("idle", done));
    const ids = new Set(map.queryRenderedFeatures().map((feature) => feature.properties.id));
    const b = map.getBounds();
    const extent = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()];
    return { version: maplibregl.getVersion?.(), ids: [...ids].sort(), extent, trouble };
  }, { ...setup, style });
}

/** What @camptocamp/ogc-client makes of the landing page, the collections, items and tiles. */
async function ogcClient() {
  const { OgcApiEndpoint } = await import("@camptocamp/ogc-client");
  const endpoint = new OgcApiEndpoint(`${setup.address}/ogc`);
  const items = await endpoint.getCollectionItems(setup.layer, 3);
  return {
    info: await endpoint.info,
    features: await endpoint.hasFeatures,
    collections: (await endpoint.allCollections).map((one) => one.name),
    items: items.map((one) => one.id),
    queryables: (await endpoint.getCollectionInfo(setup.layer)).queryables.map((one) => one.name),
    address: await endpoint.getCollectionItemsUrl(setup.layer, { limit: 7, asJson: true }),
    tileCollections: (await endpoint.vectorTileCollections) ?? [],
    matrixSets: (await endpoint.tileMatrixSets) ?? [],
  };
}

async function inBrowser(name, work) {
  const { chromium } = await import("playwright-core");
  const browser = await chromium.launch({ executablePath: setup.chromium, args: FLAGS });
  const [outside, trouble] = [[], []];
  const page = await browser.newPage({ viewport: { width: 600, height: 400 } });
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => message.type() === "error" && trouble.push(message.text()));
  page.on("request", (request) => {
    const url = request.url();
    const known = [setup.address, setup.origin].some((one) => url.startsWith(`${one}/`));
    if (!known && !/^(data|blob):/u.test(url)) outside.push(url);
  });
  await page.context().route(`${setup.origin}/**`, async (route) => {
    const where = new URL(route.request().url()).pathname;
    if (where === "/") return route.fulfill({ contentType: "text/html", body: PAGE });
    const body = await readFile(path.join(modules, where)).catch(() => null);
    return body
      ? route.fulfill({ contentType: TYPES[path.extname(where)] ?? "application/octet-stream", body })
      : route.fulfill({ status: 404 });
  });
  try {
    await page.goto(`${setup.origin}/`);
    const found = await work(page);
    if (setup.shots) await page.screenshot({ path: path.join(setup.shots, `client-${name}.png`) });
    return { found, outside, trouble };
  } catch (error) {
    return { found: {}, outside, trouble: [...trouble, String(error.stack ?? error).slice(0, 1500)] };
  } finally {
    await browser.close();
  }
}

const clients = {
  openlayers: () => inBrowser("openlayers", openlayers),
  maplibre: () => inBrowser("maplibre", (page) => maplibre(page, null)),
  "maplibre-style": () => inBrowser("maplibre-style", (page) => maplibre(page, "day")),
  "ogc-client": async () => ({ found: await ogcClient(), outside: [], trouble: [] }),
};
for (const name of process.argv.slice(3)) console.log(JSON.stringify({ name, ...(await clients[name]()) }));
