/** From an address to a map: the link, the site, the catalogue; then what changes, as it changes. */
import { watch } from "vue";
import { ServerError, server } from "../api/client";
import { liveState, onLive, startLive } from "../api/live";
import { newsOf } from "../api/news";
import type { ChangeEvent } from "../api/types";
import { i18n } from "../i18n";
import { inLang } from "../state/format";
import { decodeLink, encodeLink, type Link, linkedLayers } from "../state/link";
import { viewOf } from "../state/tree";
import { notify, sentence } from "./notices";
import { app, layerOf, openCard, select, ui } from "./store";

const theme = "onemap-twin-theme";
const language = "onemap-twin-language";

let opened: Link = decodeLink(location.hash);
/** What the address bar holds because we put it there. */
let written = location.hash.replace(/^#/u, "");

/** The camera that the address asked for, until the scene has taken it. */
export const askedCamera = () => opened.camera;

function applyLink(link: Link): void {
  opened = link;
  app.mode = link.mode;
  app.base = link.base;
  app.underground = link.underground;
  app.at = link.at;
  app.known = link.known;
  app.selected = link.selected;
  app.table = link.table;
  app.area = link.area;
  app.profile = link.profile;
  app.clip = link.clip;
  app.compare = link.compare;
  app.picked = link.place ? { place: { ...link.place, height: null }, hits: [] } : null;
  app.lang = location.hash.includes("g=")
    ? link.lang
    : ((localStorage.getItem(language) as "zh" | "en") ?? link.lang);
  ui.panel = link.panel;
  if (app.selected || app.picked || ui.panel) openCard();
  applyLinkedLayers(link);
}

function applyLinkedLayers(link: Link): void {
  if (!link.layers) return;
  const linked = link.layers;
  for (const [id, view] of Object.entries(app.layers)) {
    const place = linked.findIndex((layer) => layer.id === id);
    const layer = linked[place];
    view.visible = layer !== undefined;
    if (layer)
      Object.assign(view, {
        opacity: layer.opacity,
        hidden: layer.hidden,
        filter: layer.filter,
        style: layer.style ?? null,
      });
  }
  // Linked layers stand in the link's order, the others below them as they were.
  const position = (id: string) => {
    const place = linked.findIndex((layer) => layer.id === id);
    return place >= 0 ? place : linked.length + (app.layers[id]?.order ?? 0);
  };
  const ids = Object.keys(app.layers).sort((one, other) => position(one) - position(other));
  ids.forEach((id, order) => {
    const view = app.layers[id];
    if (view) view.order = order;
  });
}

function currentLink(): Link {
  const linked = linkedLayers(app.layers);
  const usual = app.catalogue.filter((layer) => layer.draw.visible);
  const touched =
    linked.length !== usual.length ||
    linked.some(({ id, opacity, hidden, filter, style }, index) => {
      const own = usual[index];
      return own?.id !== id || own.draw.opacity !== opacity || hidden.length > 0 || filter || style;
    });
  const { mode, base, underground, at, known, selected, table, area, profile, clip, compare, lang } = app;
  const place = !selected && app.picked?.hits.length === 0 ? app.picked.place : null;
  return {
    camera: app.camera ?? opened.camera,
    mode,
    base,
    underground,
    at,
    known,
    selected,
    place: place && { lon: place.lon, lat: place.lat },
    panel: ui.panel,
    table,
    area,
    profile,
    clip,
    compare,
    lang,
    // Before the catalogue is in, the layers are what the link said.
    layers: app.catalogue.length === 0 ? opened.layers : touched ? linked : null,
  };
}

/** The link to what is on the screen. */
export function viewLink(): string {
  return `${location.origin}${location.pathname}#${encodeLink(currentLink())}`;
}

function keepAddress(): void {
  let pending = false;
  watch(
    () => encodeLink(currentLink()),
    () => {
      if (pending) return;
      pending = true;
      // Browsers refuse more than a hundred replacements in half a minute.
      setTimeout(() => {
        pending = false;
        written = encodeLink(currentLink());
        history.replaceState(null, "", written ? `#${written}` : location.pathname + location.search);
      }, 400);
    },
  );
  addEventListener("hashchange", () => {
    if (location.hash.replace(/^#/u, "") === written) return;
    applyLink(decodeLink(location.hash));
    moved?.(opened);
  });
}

let moved: ((link: Link) => void) | null = null;

/** Call `listener` when somebody changes the address by hand. */
export function onAddress(listener: (link: Link) => void): void {
  moved = listener;
}

/** Read the catalogue; layers that were here before keep how people want them. */
export async function readCatalogue(): Promise<string[]> {
  const layers = await server.layers();
  const fresh = layers.filter((layer) => !(layer.id in app.layers)).map((layer) => layer.id);
  layers.forEach((layer, order) => {
    app.layers[layer.id] ??= viewOf(layer, order);
  });
  for (const id of Object.keys(app.layers))
    if (!layers.some((layer) => layer.id === id)) delete app.layers[id];
  app.catalogue = layers;
  return fresh;
}

let reading: ReturnType<typeof setTimeout> | undefined;

/** Changes come in bursts: one reading for all of them. */
function readCatalogueSoon(): void {
  clearTimeout(reading);
  reading = setTimeout(() => {
    readCatalogue()
      .then((fresh) => {
        for (const id of fresh) announceLayer(id);
      })
      .catch((error: unknown) => notify(sentence(error), { tone: "bad" }));
  }, 80);
}

function announceLayer(id: string): void {
  const layer = layerOf(id);
  if (!layer) return;
  notify(i18n.global.t("notice.newLayer", { title: inLang(layer.title, app.lang) }), { tone: "good" });
}

function isSelected(event: Pick<ChangeEvent, "layer" | "ids">): boolean {
  if (app.selected?.layer !== event.layer) return false;
  return event.ids === null || event.ids.includes(app.selected.id);
}

/** Somebody else's incident is news; one's own is open already. */
async function announceIncident(event: ChangeEvent): Promise<void> {
  try {
    const [news] = (await newsOf(event)) ?? [];
    if (!news?.feature || app.selected?.id === news.id) return;
    const { id, feature } = news;
    const { properties } = feature;
    const { t } = i18n.global;
    const action = { label: t("incident.see"), run: () => select({ layer: "incidents", id }) };
    notify(t("incident.new", { title: String(properties.title ?? id) }), { tone: "bad", action });
  } catch (error) {
    notify(sentence(error), { tone: "bad" });
  }
}

function hearChanges(): void {
  onLive("change", (event) => {
    readCatalogueSoon();
    if (event.layer === "incidents" && event.ids?.length === 1)
      setTimeout(() => void announceIncident(event), 800);
    if (isSelected(event)) ui.stale += 1;
  });
  onLive("observation", (event) => {
    if (isSelected(event)) ui.stale += 1;
  });
  onLive("gap", () => {
    readCatalogueSoon();
    ui.stale += 1;
  });
  onLive("state", (state) => {
    ui.live = state;
    ui.lostAt = state === "open" ? null : (ui.lostAt ?? Date.now());
  });
  const stop = startLive();
  ui.live = liveState();
  addEventListener("pagehide", stop);
}

function keepNow(): void {
  let skew = 0;
  watch(
    () => app.site?.now,
    (now) => {
      if (now) skew = new Date(now).getTime() - Date.now();
    },
  );
  setInterval(() => {
    app.now = new Date(Date.now() + skew).toISOString();
  }, 30_000);
}

function keepPreferences(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  app.dark = (localStorage.getItem(theme) ?? (dark.matches ? "night" : "light")) === "night";
  watch(
    () => app.dark,
    (night) => {
      document.documentElement.dataset.theme = night ? "night" : "light";
    },
    { immediate: true },
  );
  watch(
    () => app.lang,
    (lang) => {
      i18n.global.locale.value = lang;
      document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    },
    { immediate: true },
  );
  watch([() => app.lang, () => app.site], ([lang, site]) => {
    document.title = site ? inLang(site.title, lang) : i18n.global.t("app.name");
  });
}

export function setDark(night: boolean): void {
  app.dark = night;
  localStorage.setItem(theme, night ? "night" : "light");
}

export function setLang(lang: "zh" | "en"): void {
  app.lang = lang;
  localStorage.setItem(language, lang);
}

function keepWidth(): void {
  const narrow = matchMedia("(max-width: 760px)");
  const fitWidth = () => {
    ui.narrow = narrow.matches;
    if (ui.narrow) ui.tree = true;
  };
  narrow.addEventListener("change", fitWidth);
  fitWidth();
  if (!ui.narrow) ui.tree = innerWidth >= 1100;
}

/**
 * Read site and catalogue; a failure is kept in `ui.failed`, for a page that offers to try again.
 *
 * A server that is still filling says 503: it is asked again until it is ready.
 */
export async function readSite(): Promise<void> {
  try {
    const site = await server.site();
    await readCatalogue();
    applyLinkedLayers(opened);
    app.now = site.now;
    app.site = site;
    ui.failed = null;
  } catch (error) {
    ui.failed = sentence(error);
    if (error instanceof ServerError && error.status === 503) setTimeout(() => void readSite(), 2000);
  }
}

export function boot(): void {
  keepWidth();
  applyLink(opened);
  keepPreferences();
  keepNow();
  keepAddress();
  hearChanges();
  void readSite();
}
