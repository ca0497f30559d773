// What a person does with the viewer, a function a step, in the order in which they are done.
//
// A step throws where the viewer does not do what it should, and answers a remark or nothing. Nothing sleeps: without
// a graphics card a picture takes up to a second, so every step waits for what it wants to see.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const hook = (name) => `[data-test="${name}"]`;
const run = promisify(execFile);

/** Nothing under way any more. */
const settled = (page) => page.evaluate(() => window.__twin.scene.settled());

/** The layer tree is folded where the window is small. */
async function unfold(page) {
  if (await page.locator(hook("unfold-tree")).count()) await page.click(hook("unfold-tree"));
}

/** Which layers are on; the rest is off. */
const show = (page, ids) =>
  page.evaluate((on) => {
    const { layers } = window.__twin.app;
    for (const [id, view] of Object.entries(layers)) view.visible = on.includes(id);
  }, ids);

/** Look at a place from `range` metres, from steeply above. */
async function above(page, lon, lat, { range = 260, pitch = -88 } = {}) {
  const target = { lon, lat, heading: 0, pitch, range };
  await page.evaluate((where) => window.__twin.scene.flyTo(where), target);
  await settled(page);
  // Where the ground came only now, the eye was aimed at a coarse one.
  const box = await page.locator(hook("map")).boundingBox();
  const at = await pixel(page, lon, lat);
  if (at && Math.hypot(at.x - box.width / 2, at.y - box.height / 2) < 20) return;
  await page.evaluate((where) => window.__twin.scene.flyTo(where), target);
  await settled(page);
}

const pixel = (page, lon, lat, height) =>
  page.evaluate((place) => window.__twin.pixel(...place), [lon, lat, height ?? undefined]);

const picks = (page, { x, y }) => page.evaluate((at) => window.__twin.pick(...at).map(({ id }) => id), [x, y]);

/** Wait until the map shows, or no longer shows, a thing at a pixel. */
function shown(page, { x, y }, id, there = true) {
  const look = ([x, y, id, there]) => window.__twin.pick(x, y).some((hit) => hit.id === id) === there;
  return page.waitForFunction(look, [x, y, id, there], { polling: 400 });
}

async function clickMap(page, { x, y }) {
  const box = await page.locator(hook("map")).boundingBox();
  await page.mouse.click(box.x + x, box.y + y);
}

/** Click, and open the card of one of the things there; the id that the card says. */
async function openCardAt(page, place, layer, id) {
  await clickMap(page, place);
  const card = `${hook("feature-card")}[data-id="${id}"]`;
  const choice = `${hook("hit-choice")}[data-id="${id}"][data-layer="${layer}"]`;
  await page.locator(`${card}, ${choice}`).first().waitFor();
  if (await page.locator(choice).count()) await page.click(choice);
  await page.waitForSelector(`${card} ${hook("attributes")}`);
  return page.textContent(hook("card-id"));
}

const middle = (ring) => {
  const corners = ring.slice(0, -1);
  return [0, 1].map((axis) => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length);
};

/** A plain box of a house that is not tiny, from the API. */
async function house(json, query) {
  const { features } = await json(`/ogc/collections/buildings/items?limit=200&${query}`);
  const plain = features.filter(({ geometry }) => geometry.type === "Polygon" && geometry.coordinates[0].length === 5);
  const found = plain.sort((one, other) => (other.properties.height ?? 0) - (one.properties.height ?? 0))[0];
  assert.ok(found, `no plain house in ${query}`);
  const [lon, lat] = middle(found.geometry.coordinates[0]);
  return { id: found.id, lon, lat, properties: found.properties };
}

/** Metres between two places, on the ellipsoid's radii of curvature half way: good to millimetres at this length. */
function metres([lon, lat], [lon2, lat2]) {
  const [a, e2, degree] = [6378137, 0.00669438, Math.PI / 180];
  const half = ((lat + lat2) / 2) * degree;
  const bend = 1 - e2 * Math.sin(half) ** 2;
  const north = ((a * (1 - e2)) / bend ** 1.5) * (lat2 - lat) * degree;
  const east = (a / Math.sqrt(bend)) * Math.cos(half) * (lon2 - lon) * degree;
  return Math.hypot(north, east);
}

/** The house and the pipe that several steps look at. */
const theHouse = async ({ kept, json }) => {
  kept.house ??= await house(json, "bbox=118.345,38.335,118.365,38.35");
  return kept.house;
};

const thePipe = async ({ kept, json }) => {
  if (kept.pipe) return kept.pipe;
  const box = "118.352,38.342,118.358,38.348";
  const { features } = await json(`/ogc/collections/pipes/items?limit=300&bbox=${box}`);
  const wide = features.filter(({ properties }) => properties.diameter > 0.3);
  const length = ({ geometry: { coordinates: line } }) => metres(line[0], line.at(-1));
  const pipe = wide.sort((one, other) => length(other) - length(one))[0];
  assert.ok(pipe, `no wide pipe in ${box}`);
  const [from, to] = pipe.geometry.coordinates;
  const [lon, lat, height] = [0, 1, 2].map((axis) => (from[axis] + to[axis]) / 2);
  kept.pipe = { id: pipe.id, lon, lat, height };
  return kept.pipe;
};

async function the_page_opens(world) {
  const page = await world.open();
  world.kept.page = page;
  assert.equal(await page.textContent(hook("site-title")), (await world.json("/api/site")).title.zh);
  assert.ok(await page.locator(hook("invented")).isVisible(), "invented data is not marked");
  assert.equal(await page.evaluate(() => window.__twin.app.sceneError), null);
  assert.deepEqual(world.trouble, []);
}

async function every_layer_becomes_ready(world) {
  const { page } = world.kept;
  await unfold(page);
  const rows = page.locator(hook("layer-row"));
  const { layers } = await world.json("/api/layers");
  assert.equal(await rows.count(), layers.length);
  const off = page.locator(`${hook("layer-row")} ${hook("layer-toggle")}[aria-checked="false"]`);
  while (await off.count()) await off.first().click();
  const done = () => {
    const { app } = window.__twin;
    return app.catalogue.every(({ id }) => ["ready", "failed"].includes(app.loading[id]?.state));
  };
  try {
    await page.waitForFunction(done, null, { polling: 300, timeout: 90_000 });
  } finally {
    const loading = await page.evaluate(() => JSON.parse(JSON.stringify(window.__twin.app.loading)));
    const slow = layers.filter(({ id }) => loading[id]?.state !== "ready").map(({ id }) => [id, loading[id]]);
    assert.deepEqual(slow, []);
  }
  return `${layers.length} layers`;
}

async function a_building_picked_in_3d_is_the_one_of_the_api(world) {
  const { page } = world.kept;
  const found = await theHouse(world);
  await show(page, ["buildings"]);
  await above(page, found.lon, found.lat);
  const id = await openCardAt(page, await pixel(page, found.lon, found.lat), "buildings", found.id);
  assert.equal(id, found.id);
  const item = await world.json(`/ogc/collections/buildings/items/${id}`);
  const card = await page.textContent(hook("attributes"));
  for (const value of [item.properties.name, item.properties.storeys, item.properties.year_built])
    assert.ok(card.includes(String(value)), `the card says nothing of ${value}`);
  await world.shot(page, "card");
  return `${id} ${item.properties.name}`;
}

async function a_pipe_is_picked_under_ground(world) {
  const { page } = world.kept;
  const { lon, lat, height, id: wanted } = await thePipe(world);
  await page.keyboard.press("Escape");
  await show(page, ["pipes", "buildings"]);
  await unfold(page);
  await page.click(hook("open-ground"));
  await page.waitForFunction(() => window.__twin.app.underground);
  await page.waitForSelector(hook("depth-scale"));
  assert.equal(await page.locator(hook("buried")).count(), 0);
  await above(page, lon, lat, { range: 60 });
  const place = await pixel(page, lon, lat, height);
  await shown(page, place, wanted);
  const id = await openCardAt(page, place, "pipes", wanted);
  const item = await world.json(`/ogc/collections/pipes/items/${id}`);
  const card = await page.textContent(hook("attributes"));
  assert.ok(card.includes(item.properties.material), `the card says nothing of ${item.properties.material}`);
  return `${id} ${item.properties.class} ${item.properties.diameter}`;
}

async function the_ground_s_card_looks_below_and_lists_pipes_by_class(world) {
  const { page } = world.kept;
  const pipe = await thePipe(world);
  await page.keyboard.press("Escape");
  if (await page.evaluate(() => window.__twin.app.underground)) await page.click(hook("underground"));
  await show(page, ["roads"]);
  const { lon, lat } = pipe;
  await page.fill(hook("search"), `${lon.toFixed(6)}, ${lat.toFixed(6)}`);
  await page.locator(hook("hit")).first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForSelector(`${hook("here-card")} ${hook("pipes-near")} [data-id="${pipe.id}"]`);
  const here = await world.json(`/api/here?lon=${lon.toFixed(6)}&lat=${lat.toFixed(6)}&radius=15`);
  assert.equal(await page.locator(`${hook("pipes-near")} li`).count(), here.pipes.length);
  await page.click(hook("look-below"));
  await page.waitForFunction(() => {
    const { app } = window.__twin;
    return app.underground && app.layers.pipes.visible && app.loading.pipes.state === "ready";
  });
  await settled(page);
  const { layers } = await world.json("/api/layers");
  const classes = layers.find(({ id }) => id === "pipes").draw.legend;
  await unfold(page);
  const row = page.locator(`${hook("layer-row")}[data-layer="pipes"]`);
  await row.locator("button.title").click();
  assert.equal(await row.locator(hook("legend-item")).count(), classes.length);
  await page.click(hook("underground"));
  return `${here.pipes.length} pipes, ${classes.length} classes`;
}

async function the_flat_map_keeps_the_place_and_the_ids(world) {
  const { page } = world.kept;
  const house = await theHouse(world);
  await page.keyboard.press("Escape");
  await show(page, ["buildings"]);
  await above(page, house.lon, house.lat);
  await page.keyboard.press("2");
  await page.waitForFunction(() => window.__twin.app.mode === "2d");
  await settled(page);
  await page.waitForFunction(() => window.__twin.app.camera.pitch < -89);
  const { lon, lat } = await page.evaluate(() => ({ ...window.__twin.app.camera }));
  const off = metres([house.lon, house.lat], [lon, lat]);
  assert.ok(off < 40, `the map moved by ${off} m`);
  const place = await pixel(page, house.lon, house.lat);
  await shown(page, place, house.id);
  await openCardAt(page, place, "buildings", house.id);
  await world.shot(page, "flat");
  await page.keyboard.press("Escape");
  await page.keyboard.press("3");
  await page.waitForFunction(() => window.__twin.app.mode === "3d");
  await settled(page);
  return `${off.toFixed(1)} m off`;
}

/** Type into the search, take the first hit, and say how far from it the view then is; metres. */
async function search(page, words, lon, lat) {
  await page.keyboard.press("Escape");
  await page.fill(hook("search"), words);
  await page.waitForFunction((text) => document.querySelector(text), `${hook("hits")} ${hook("hit")}`);
  await page.keyboard.press("Enter");
  const near = ([lon, lat]) => {
    const { camera } = window.__twin.app;
    return Math.abs(camera.lon - lon) < 0.012 && Math.abs(camera.lat - lat) < 0.012 && camera.height < 1500;
  };
  await page.waitForFunction(near, [lon, lat]);
}

async function search_finds_names_ids_and_coordinates(world) {
  const { page } = world.kept;
  const house = await theHouse(world);
  const away = () => page.evaluate(() => window.__twin.scene.home());
  await away();
  const { hits } = await world.json(`/api/search?q=${encodeURIComponent("海丰路")}&limit=1`);
  await search(page, "海丰路", hits[0].lon, hits[0].lat);
  assert.equal(await page.textContent(hook("card-id")), hits[0].id);
  await away();
  await search(page, house.id, house.lon, house.lat);
  assert.equal(await page.textContent(hook("card-id")), house.id);
  await away();
  await search(page, `38°21′4.32″N, 118°21′40.824″E`, 118.36134, 38.3512);
  const said = await page.textContent(hook("here-degrees"));
  assert.ok(said.includes("118.3613"), said);
}

async function the_clock_takes_a_later_building_away_and_brings_it_back(world) {
  const { page } = world.kept;
  const late = await house(world.json, "year_built=2024");
  const where = `/ogc/collections/buildings/items?bbox=${late.lon - 1e-5},${late.lat - 1e-5},${late.lon + 1e-5},${late.lat + 1e-5}`;
  const idsAt = async (at) => (await world.json(`${where}&datetime=${at}`)).features.map(({ id }) => id);
  assert.ok((await idsAt("2026-01-01T00:00:00Z")).includes(late.id));
  assert.ok(!(await idsAt("2021-07-01T00:00:00Z")).includes(late.id));
  await page.keyboard.press("Escape");
  await show(page, ["buildings"]);
  await above(page, late.lon, late.lat);
  const place = await pixel(page, late.lon, late.lat);
  await shown(page, place, late.id);
  await page.focus(hook("slider"));
  for (const survey of ["2025", "2023", "2021"]) {
    await page.keyboard.press("PageDown");
    await page.waitForFunction((year) => window.__twin.app.at?.startsWith(year), survey);
  }
  await page.waitForSelector(hook("not-now"));
  await shown(page, place, late.id, false);
  await settled(page);
  assert.ok(!(await picks(page, place)).includes(late.id));
  await world.shot(page, "in-2021");
  await page.click(hook("back-to-now"));
  await page.waitForSelector(hook("not-now"), { state: "detached" });
  await shown(page, place, late.id);
  return `${late.id} of ${late.properties.valid_from}`;
}

/** Click places with a tool; its result when it is done. */
async function measure(page, tool, places, { enter = true } = {}) {
  await page.click(hook("measure"));
  await page.click(hook(`measure-${tool}`));
  for (const [count, place] of places.entries()) {
    const at = Array.isArray(place) ? await pixel(page, ...place) : await place();
    await clickMap(page, at);
    await page.waitForFunction((n) => window.__twin.app.toolResult?.points.length >= n, count + 1);
  }
  if (enter) await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.__twin.app.toolResult?.done);
  const result = await page.evaluate(() => JSON.parse(JSON.stringify(window.__twin.app.toolResult)));
  await page.locator(hook("tool-value")).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !window.__twin.app.tool);
  return result;
}

const close = (value, truth, share, what) =>
  assert.ok(Math.abs(value - truth) <= share * truth, `${what}: ${value}, but it is ${truth}`);

async function distance_area_and_height_are_true(world) {
  const { page } = world.kept;
  const [lon, lat] = [118.3532, 38.3461];
  await show(page, ["buildings"]);
  await above(page, lon, lat, { range: 500 });
  const [a, b, c] = [[lon, lat], [lon + 0.0018, lat], [lon + 0.0018, lat + 0.0008]];
  const distance = await measure(page, "distance", [a, b]);
  close(distance.value, metres(a, b), 0.01, "distance");
  const area = await measure(page, "area", [a, b, c]);
  close(area.value, (metres(a, b) * metres(b, c)) / 2, 0.02, "area");
  const tower = await theHouse(world);
  await above(page, tower.lon, tower.lat, { range: 420, pitch: -50 });
  const roof = async () => {
    const foot = await page.evaluate(() => window.__twin.app.toolResult.points[0].height);
    return pixel(page, tower.lon, tower.lat, foot + tower.properties.height);
  };
  const { geometry } = await world.json(`/ogc/collections/buildings/items/${tower.id}`);
  const south = Math.min(...geometry.coordinates[0].map((corner) => corner[1]));
  const height = await measure(page, "height", [[tower.lon, south - 0.0001], roof], { enter: false });
  const vertical = height.parts?.find(({ name }) => name === "vertical")?.value ?? height.value;
  close(Math.abs(vertical), tower.properties.height, 0.05, "height");
  return `${distance.value.toFixed(1)} m, ${area.value.toFixed(0)} m², ${vertical.toFixed(1)} m`;
}

async function an_incident_is_reported_by_a_click_and_says_what_lies_around(world) {
  const { page } = world.kept;
  const house = await theHouse(world);
  await show(page, ["incidents", "buildings"]);
  await above(page, house.lon, house.lat, { range: 600 });
  await page.click(hook("incident-tool"));
  await clickMap(page, await pixel(page, house.lon + 0.0008, house.lat));
  await page.waitForSelector(`${hook("incident-dialog")}[open]`);
  await page.fill(`input${hook("incident-title")}`, "演练：燃气泄漏");
  await page.check(hook("level-II"), { force: true });
  await page.click(hook("incident-send"));
  await page.waitForSelector(`${hook("feature-card")}[data-layer="incidents"]`);
  const id = await page.textContent(hook("card-id"));
  const item = await world.json(`/ogc/collections/incidents/items/${id}`);
  assert.equal(item.properties.level, "II");
  close(metres(item.geometry.coordinates, [house.lon, house.lat]), metres([0, house.lat], [0.0008, house.lat]), 0.1, "place");
  await page.click(`${hook("radius")}[data-radius="200"]`);
  await page.click(hook("impact-run"));
  await page.locator(`${hook("impact-result")} li`).first().waitFor();
  const inputs = { geometry: item.geometry, radius: 200 };
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ inputs });
  const impact = await world.json("/ogc/processes/impact/execution", { method: "POST", headers, body });
  const listed = await page.textContent(hook("impact-result"));
  const grouped = String(impact.buildings.count).replace(/\B(?=(\d{3})+$)/gu, ",");
  assert.ok(listed.includes(grouped), `${grouped} buildings, but the card says ${listed}`);
  await settled(page);
  await world.shot(page, "incident");
  return `${impact.buildings.count} buildings`;
}

/**
 * Note when a thing of this title stands in the incident list and in a drawn picture, and what a picture costs.
 *
 * The page itself watches: asking it from outside would wait for its pictures, and picking would draw more of them.
 */
const watchFor = (page, title) =>
  page.evaluate((wanted) => {
    const { scene } = window.__twin.viewer;
    const seen = { listed: null, drawn: null, frames: [] };
    window.__seen = seen;
    const list = document.querySelector('[data-test="incidents-panel"]');
    new MutationObserver(() => {
      if (list.textContent.includes(wanted)) seen.listed ??= Date.now();
    }).observe(list, { childList: true, subtree: true, characterData: true });
    const stands = () => {
      for (let i = 0; i < scene.primitives.length; i += 1) {
        const group = scene.primitives.get(i);
        for (let j = 0; group.show && j < (group.get ? group.length : 0); j += 1) {
          const { id, ready } = group.get(j);
          if (ready && id?.twin?.title === wanted) return true;
        }
      }
      return false;
    };
    let began = 0;
    let there = false;
    scene.preUpdate.addEventListener(() => {
      began = performance.now();
      there = stands();
    });
    scene.postRender.addEventListener(() => {
      seen.frames.push(performance.now() - began);
      if (there) seen.drawn ??= Date.now();
    });
  }, title);

async function a_posted_incident_is_on_two_screens_at_once(world) {
  const { page } = world.kept;
  const house = await theHouse(world);
  const place = [house.lon - 0.0006, house.lat + 0.0004];
  const other = await world.open("l=incidents", { viewport: { width: 500, height: 400 } });
  const pages = [page, other];
  await show(page, ["incidents"]);
  await page.keyboard.press("Escape");
  for (const one of pages) {
    await above(one, house.lon, house.lat, { range: 500 });
    if (!(await one.locator(hook("incidents-panel")).count())) await one.locator(hook("incidents-button")).first().click();
    await one.waitForSelector(hook("incidents-panel"));
    await settled(one);
  }
  const title = `演练：爆管 ${Date.now()}`;
  for (const one of pages) await watchFor(one, title);
  const feature = {
    type: "Feature",
    geometry: { type: "Point", coordinates: place },
    properties: { title, level: "I" },
  };
  const began = Date.now();
  const answer = await fetch(`${world.address}/ogc/collections/incidents/items`, {
    method: "POST",
    headers: { "content-type": "application/geo+json" },
    body: JSON.stringify(feature),
  });
  const answered = Date.now() - began;
  assert.equal(answer.status, 201);
  const { id } = await answer.json();
  const done = (one) =>
    one.waitForFunction(() => window.__seen.listed && window.__seen.drawn && window.__seen, null, { polling: 200 });
  const seen = await Promise.all(pages.map(async (one) => (await done(one)).jsonValue()));
  for (const one of pages) await shown(one, await pixel(one, ...place), id);
  await other.close();
  const lists = seen.map(({ listed }) => listed - began);
  const maps = seen.map(({ drawn }) => drawn - began);
  const frames = seen.map(({ frames }) => Math.round(frames.sort((a, b) => a - b)[frames.length >> 1]));
  const said = `ms from POST: answer ${answered}, lists ${lists}, maps ${maps}; one picture takes ${frames}`;
  assert.ok(Math.max(...lists) < 3000, said);
  assert.ok(Math.max(...maps) < 10_000, said);
  return said;
}

async function an_observation_shows_its_value_without_a_reload(world) {
  const { page } = world.kept;
  const { features } = await world.json("/ogc/collections/sensors/items?limit=1");
  const [sensor] = features;
  const { datastreams } = await world.json(`/api/things/sensors/${sensor.id}`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.evaluate((id) => {
    window.__twin.app.selected = { layer: "sensors", id };
  }, sensor.id);
  const latest = page.locator(`${hook("datastream")}[data-datastream="${datastreams[0].id}"] ${hook("latest")}`);
  await latest.waitFor();
  const body = JSON.stringify({ result: 41.75, phenomenonTime: new Date().toISOString() });
  const answer = await fetch(`${world.address}/sta/v1.1/Datastreams(${datastreams[0].id})/Observations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  assert.equal(answer.status, 201, await answer.text());
  await page.waitForFunction(
    ([selector]) => document.querySelector(selector)?.textContent.includes("41.75"),
    [`${hook("datastream")}[data-datastream="${datastreams[0].id}"] ${hook("latest")}`],
  );
  return `${sensor.id} ${datastreams[0].name}`;
}

/** A GeoJSON file of little towers in a row: [[id, name, height] …]. */
function towers(folder, place, list) {
  const box = (lon, lat) => {
    const [w, s, e, n] = [lon - 0.0002, lat - 0.0002, lon + 0.0002, lat + 0.0002];
    return [[[w, s], [e, s], [e, n], [w, n], [w, s]]];
  };
  const features = list.map(([id, name, height], index) => ({
    type: "Feature",
    geometry: { type: "Polygon", coordinates: box(place[0] + 0.0008 * index, place[1]) },
    properties: { id, name, height },
  }));
  const file = path.join(folder, "towers.geojson");
  writeFileSync(file, JSON.stringify({ type: "FeatureCollection", features }));
  return file;
}

async function a_new_layer_and_a_changed_file_show_without_a_reload(world) {
  const { page } = world.kept;
  const { lon, lat } = await theHouse(world);
  const place = [lon - 0.0008, lat];
  const folder = mkdtempSync(path.join(tmpdir(), "towers-"));
  const ingest = (list) => {
    const [program, ...first] = world.twin;
    const what = [towers(folder, place, list), "--layer", "annex", "--kind", "buildings", "--title", "新建楼"];
    return run(program, [...first, "ingest", ...what], { env: { ...process.env, TWIN_HOME: world.home } });
  };
  await page.keyboard.press("Escape");
  await show(page, []);
  await page.evaluate(() => {
    window.notReloaded = true;
  });
  await above(page, ...place, { range: 400 });
  await ingest([["N1", "甲楼", 20], ["N2", "乙楼", 25]]);
  await unfold(page);
  await page.waitForSelector(`${hook("layer-row")}[data-layer="annex"]`);
  await page.waitForFunction(() => window.__twin.app.layers.annex.visible);
  await page.waitForFunction(() => window.__twin.app.loading.annex?.state === "ready");
  await shown(page, await pixel(page, ...place), "N1");
  await ingest([["N1", "甲楼（加层）", 45], ["N2", "乙楼", 25], ["N3", "丙楼", 30]]);
  const third = await pixel(page, place[0] + 0.0016, place[1]);
  await shown(page, third, "N3");
  const first = await pixel(page, ...place);
  const height = ([x, y]) => window.__twin.pick(x, y).some(({ properties }) => properties?.height === 45);
  await page.waitForFunction(height, [first.x, first.y], { polling: 400 });
  assert.ok(await page.evaluate(() => window.notReloaded), "the page was loaded again");
}

async function a_link_restores_the_view(world) {
  const { page } = world.kept;
  const house = await theHouse(world);
  await page.keyboard.press("Escape");
  await show(page, ["buildings", "roads", "water"]);
  await above(page, house.lon, house.lat, { range: 700, pitch: -42 });
  await page.focus(hook("slider"));
  await page.keyboard.press("PageDown");
  await page.evaluate((id) => {
    const { app } = window.__twin;
    app.layers.buildings.opacity = 0.6;
    app.underground = true;
    app.selected = { layer: "buildings", id };
  }, house.id);
  await page.waitForFunction((id) => location.hash.includes(`/${id}`) && location.hash.includes("t=2025"), house.id);
  await settled(page);
  const view = (one) =>
    one.evaluate(() => {
      const { camera, at, known, mode, base, underground, selected, layers } = window.__twin.app;
      const on = Object.entries(layers).filter(([, { visible }]) => visible);
      const seen = on.map(([id, { opacity, order }]) => [order, id, opacity]).sort((a, b) => a[0] - b[0]);
      return { camera, at, known, mode, base, underground, selected, layers: seen.map(([, ...rest]) => rest) };
    });
  const link = await page.evaluate(() => location.hash.slice(1));
  const other = await world.open(link);
  await settled(other);
  const [here, there] = [await view(page), await view(other)];
  for (const [key, least] of [["lon", 1e-6], ["lat", 1e-6], ["height", 0.5], ["heading", 0.02], ["pitch", 0.02]]) {
    const off = Math.abs(here.camera[key] - there.camera[key]);
    assert.ok(Math.min(off, 360 - off) <= least, `${key}: ${here.camera[key]} became ${there.camera[key]}`);
  }
  assert.deepEqual({ ...there, camera: null }, { ...here, camera: null });
  await other.waitForSelector(`${hook("feature-card")}[data-id="${house.id}"]`);
  await other.close();
  await page.evaluate(() => {
    window.__twin.app.underground = false;
  });
  await page.click(hook("back-to-now"));
}

async function a_phone_has_a_sheet_and_targets_for_thumbs(world) {
  const page = await world.open("", { viewport: { width: 390, height: 844 }, phone: true });
  await settled(page);
  await world.shot(page, "phone");
  const sheet = page.locator(hook("sheet"));
  assert.equal(await sheet.getAttribute("data-height"), "low");
  await page.tap(hook("page-layers"));
  await page.waitForSelector(`${hook("sheet")}[data-height="half"]`);
  await world.shot(page, "phone-layers");
  // A target is what answers to the thumb, and that may reach further than what is drawn.
  const tight = await page.evaluate(() => {
    const hits = (element, x, y) => {
      const there = document.elementFromPoint(x, y);
      return there !== null && element.contains(there);
    };
    const reach = (element, x, y, dx, dy) => {
      let n = 0;
      while (n < 60 && hits(element, x + n * dx, y + n * dy)) n += 1;
      return n;
    };
    const small = [];
    for (const element of document.querySelectorAll("button, input, select, a[href]")) {
      const { width, height, top, left } = element.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + height / 2];
      // Hidden, or half under the edge of a list that scrolls.
      if (!element.checkVisibility() || !hits(element, x, y) || y > innerHeight - 22) continue;
      const across = reach(element, x, y, -1, 0) + reach(element, x, y, 1, 0);
      const down = reach(element, x, y, 0, -1) + reach(element, x, y, 0, 1);
      if (Math.min(across, down) < 44) small.push(`${element.dataset.test ?? element.className} ${across}×${down}`);
    }
    return small;
  });
  assert.deepEqual([...new Set(tight)], []);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `the page is ${wide} px wide`);
  const { hits } = await world.json(`/api/search?q=${encodeURIComponent("海丰路")}&limit=1`);
  await page.fill(hook("search"), "海丰路");
  await page.locator(hook("hit")).first().tap();
  await page.waitForSelector(`${hook("feature-card")}[data-id="${hits[0].id}"]`);
  await settled(page);
  await world.shot(page, "phone-card");
  await page.close();
}

/** The pictures on the ground lie as the tree says, whatever came last. */
async function the_tree_s_order_stacks_flat_layers(world) {
  const { page } = world.kept;
  await page.keyboard.press("Escape");
  const pair = ["parcels", "height_limits"];
  await show(page, []);
  await settled(page);
  await page.evaluate(() => {
    const { imageryLayers } = window.__twin.viewer.scene;
    const all = () => Array.from({ length: imageryLayers.length }, (_, n) => imageryLayers.get(n));
    window.__shown = () => all().filter(({ show }) => show);
    window.__base = new Set(window.__shown());
  });
  await show(page, pair.slice(0, 1));
  await page.waitForFunction(() => (window.__first = window.__shown().find((one) => !window.__base.has(one))));
  await show(page, pair);
  await page.waitForFunction(() => window.__shown().length === window.__base.size + 2);
  for (const top of [...pair, pair[0]]) {
    const right = await page.evaluate(async ([top, pair]) => {
      const { app } = window.__twin;
      for (const id of pair) app.layers[id].order = id === top ? -2 : -1;
      await new Promise(requestAnimationFrame);
      return (window.__shown().at(-1) === window.__first) === (pair[0] === top);
    }, [top, pair]);
    assert.ok(right, `${top} is first in the tree and not on top of the map`);
  }
}

async function the_page_speaks_english_and_has_a_night(world) {
  const { page } = world.kept;
  await page.keyboard.press("Escape");
  const before = await page.getAttribute(hook("search"), "placeholder");
  await page.click(hook("language"));
  await page.waitForFunction(() => document.documentElement.lang === "en");
  assert.equal(await page.textContent(hook("site-title")), (await world.json("/api/site")).title.en);
  assert.notEqual(await page.getAttribute(hook("search"), "placeholder"), before);
  const { layers } = await world.json("/api/layers");
  const tree = await page.textContent(hook("layer-tree"));
  for (const { title, id } of layers.slice(0, 3)) assert.ok(tree.includes(title.en), `${id} has no English title`);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const day = await ground();
  await page.click(hook("palette"));
  await page.waitForFunction(() => document.documentElement.dataset.theme === "night");
  assert.notEqual(await ground(), day);
  await settled(page);
  await world.shot(page, "night");
  await page.click(hook("palette"));
  await page.click(hook("language"));
  await page.waitForFunction(() => document.documentElement.lang === "zh-CN");
}

async function the_keyboard_reaches_everything(world) {
  const { page } = world.kept;
  await unfold(page);
  await page.evaluate(() => document.activeElement.blur());
  const reached = new Set();
  for (let n = 0; n < 140 && reached.size < 4; n += 1) {
    await page.keyboard.press("Tab");
    const what = await page.evaluate(() => {
      const element = document.activeElement;
      const name = element.dataset.test ?? "";
      if (name === "search" || name === "measure" || name === "slider") return name;
      return element.closest('[data-test="layer-tree"]') ? "tree" : null;
    });
    if (what) reached.add(what);
  }
  assert.deepEqual([...reached].sort(), ["measure", "search", "slider", "tree"]);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  await page.waitForFunction((search) => document.activeElement.matches(search), hook("search"));
  await page.keyboard.press("Escape");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("m");
  await page.waitForFunction(() => window.__twin.app.tool === "distance");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => window.__twin.app.tool === null);
}

async function a_layer_that_fails_says_so_and_the_rest_lives(world) {
  const broken = (page) => page.route("**/tiles/pipes/**", (route) => route.fulfill({ status: 500, body: "" }));
  const page = await world.open("", { watched: false, before: broken });
  await page.waitForFunction(() => window.__twin.app.loading.pipes?.state === "failed");
  await page.waitForFunction(() => window.__twin.app.loading.buildings?.state === "ready");
  await unfold(page);
  const row = page.locator(`${hook("layer-row")}[data-layer="pipes"]`);
  await row.locator(hook("layer-failed")).waitFor();
  assert.equal(await page.locator(hook("layer-failed")).count(), 1);
  await page.unroute("**/tiles/pipes/**");
  await row.locator(`${hook("layer-failed")} button`).click();
  await page.waitForFunction(() => window.__twin.app.loading.pipes?.state === "ready");
  assert.equal(await page.locator(hook("layer-failed")).count(), 0);
  await page.close();
}

/** Only when asked for by name: the whole county at this size takes minutes without a graphics card. */
async function picture_of_the_landing(world) {
  const page = await world.open("", { viewport: { width: 1600, height: 900 } });
  await settled(page);
  await world.shot(page, "landing");
  await page.close();
}

async function picture_of_the_underground(world) {
  const page = await world.open("", { viewport: { width: 1600, height: 900 } });
  await page.evaluate(() => {
    const { app, scene } = window.__twin;
    app.underground = true;
    return scene.flyTo({ lon: 118.3545, lat: 38.3459, pitch: -38, range: 420, heading: 20 });
  });
  await settled(page);
  await world.shot(page, "underground");
  await page.close();
}

async function no_page_error_no_4xx_and_nothing_off_the_machine(world) {
  assert.deepEqual(world.trouble, []);
}

export const steps = {
  the_page_opens,
  every_layer_becomes_ready,
  a_building_picked_in_3d_is_the_one_of_the_api,
  a_pipe_is_picked_under_ground,
  the_ground_s_card_looks_below_and_lists_pipes_by_class,
  the_flat_map_keeps_the_place_and_the_ids,
  search_finds_names_ids_and_coordinates,
  the_clock_takes_a_later_building_away_and_brings_it_back,
  distance_area_and_height_are_true,
  an_incident_is_reported_by_a_click_and_says_what_lies_around,
  a_posted_incident_is_on_two_screens_at_once,
  an_observation_shows_its_value_without_a_reload,
  a_new_layer_and_a_changed_file_show_without_a_reload,
  a_link_restores_the_view,
  a_phone_has_a_sheet_and_targets_for_thumbs,
  the_tree_s_order_stacks_flat_layers,
  the_page_speaks_english_and_has_a_night,
  the_keyboard_reaches_everything,
  a_layer_that_fails_says_so_and_the_rest_lives,
  no_page_error_no_4xx_and_nothing_off_the_machine,
};

export const pictures = {
  picture_of_the_landing,
  picture_of_the_underground,
};
