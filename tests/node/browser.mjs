// Opens the viewer of a running server in a headless Chromium and does what a person would, step by step.
//
//   node browser.mjs '{"address", "chromium", "shots", "twin": ["python", …], "home"}' [STEP …]
//
// Prints one line of JSON a step: {name, ok, detail, seconds}. With names, does only those, in that order.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { pictures, steps } from "./browser_steps.mjs";

const setup = JSON.parse(process.argv[2]);
const wanted = process.argv.slice(3);
const FLAGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
];
/** A step that takes longer than this is not going to end. */
const patience = 240_000;
/** Every pixel is computed by the processor. */
const small = { width: 1000, height: 520 };

const browser = await chromium.launch({ executablePath: setup.chromium, args: FLAGS });
/** What no page may do, with the step that it did it in. */
const trouble = [];
let current = "";

function watchTraffic(page) {
  const note = (what) => trouble.push(`${current}: ${what}`);
  page.on("pageerror", (error) => note(`page error ${error.message}`));
  page.on("console", (message) => message.type() === "error" && note(`console ${message.text()}`));
  page.on("response", (answer) => answer.status() >= 400 && note(`${answer.status()} ${answer.url()}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${setup.address}/`) && !/^(data|blob):/u.test(url)) note(`outside ${url}`);
  });
}

/** A page in a context of its own (its own window, its own storage), at a link. */
async function open(link = "", { viewport = small, phone = false, watched = true, before } = {}) {
  const context = await browser.newContext({
    viewport,
    locale: "zh-CN",
    timezoneId: "Asia/Shanghai",
    hasTouch: phone,
    isMobile: phone,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  if (watched) watchTraffic(page);
  await before?.(page);
  await page.goto(`${setup.address}/${link ? `#${link}` : ""}`);
  await page.waitForFunction(() => window.__twin?.app.catalogue.length > 0 && window.__twin.app.camera);
  return page;
}

async function json(where, options) {
  const answer = await fetch(setup.address + where, options);
  if (!answer.ok) throw new Error(`${answer.status} ${where}: ${await answer.text()}`);
  return answer.json();
}

async function shot(page, name) {
  mkdirSync(setup.shots, { recursive: true });
  await page.screenshot({ path: path.join(setup.shots, `${name}.png`), timeout: 60_000 });
}

/** Steps hand pages and found things to later ones in `kept`. */
const world = { ...setup, open, json, shot, trouble, kept: {} };

/** A picture of what failed, then a fresh page: what the step left half done must not reach the next one. */
async function startAgain(name) {
  if (world.kept.page) await shot(world.kept.page, `failed-${name}`).catch(() => {});
  await Promise.all(browser.contexts().map((context) => context.close()));
  world.kept.page = await open();
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const known = { ...steps, ...pictures };
for (const name of wanted.length > 0 ? wanted : Object.keys(steps)) {
  const step = known[name];
  current = name;
  const began = performance.now();
  let [ok, detail] = [true, ""];
  try {
    detail = (await within(name in pictures ? 2 * patience : patience, step(world))) ?? "";
  } catch (error) {
    [ok, detail] = [false, String(error.stack ?? error).slice(0, 1500)];
    await startAgain(name);
  }
  const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
  console.log(JSON.stringify({ name, ok, detail, seconds }));
}
await browser.close();
