/** Our own map symbols: a coloured disc with a white sign, as SVG. Shape tells what colour alone must not. */

/** Strokes on a 24 x 24 field. */
const signs: Record<string, string> = {
  dot: '<circle cx="12" cy="12" r="4" fill="#fff" stroke="none"/>',
  sensor: '<path d="M6 15a6.5 6.5 0 0 1 12 0M12 15l3-4.5"/><circle cx="12" cy="15" r=".8"/>',
  "water-level":
    '<path d="M6 15c2-2 4 2 6 0s4 2 6 0M6 18.5c2-2 4 2 6 0s4 2 6 0M12 5v7M9.5 9.5 12 12l2.5-2.5"/>',
  rain: '<path d="M7.5 12.5a3.5 3.5 0 0 1 .6-6.9 4.5 4.5 0 0 1 8.5 1.4 2.8 2.8 0 0 1 .2 5.5zM9 15.5l-1 3M13 15.5l-1 3M17 15.5l-1 3"/>',
  flow: '<path d="M5 12h11M12.5 8l4 4-4 4M5 8h4M5 16h4"/>',
  pressure: '<circle cx="12" cy="13" r="5.5"/><path d="M12 13l2.5-2.5M12 5v2.5"/>',
  air: '<path d="M5 9.5h9a2.3 2.3 0 1 0-2.2-3M5 13h12a2.3 2.3 0 1 1-2.2 3M5 16.5h6"/>',
  gas: '<path d="M12 5c3 3.5 4.5 5.5 4.5 8.5a4.5 4.5 0 0 1-9 0c0-1.5.8-2.8 2-4 .2 1.5.8 2 1.5 2.3.3-2.5 0-4.3 1-6.8z"/>',
  power: '<path d="M13 4.5 7.5 13H12l-1 6.5L16.5 11H12z"/>',
  temperature: '<path d="M10 13V7a2 2 0 0 1 4 0v6a3.5 3.5 0 1 1-4 0zM12 9v6"/>',
  camera: '<path d="M5 8.5h9.5v7H5zM14.5 11l4.5-2.5v7L14.5 13z"/>',
  hospital: '<path d="M12 6.5v11M6.5 12h11" stroke-width="3"/>',
  school: '<path d="M4.5 10.5 12 7l7.5 3.5L12 14zM8 12.5v3.5c2 1.8 6 1.8 8 0v-3.5"/>',
  shelter: '<path d="M5 17.5 12 6l7 11.5M9.5 17.5 12 13l2.5 4.5"/>',
  fire: '<path d="M12 4.5c3.5 3.5 5 5.8 5 8.8a5 5 0 0 1-10 0c0-1.8 1-3.2 2.2-4.3.2 1.5.9 2.2 1.6 2.5.2-2.6 0-4.5 1.2-7z"/>',
  police: '<path d="M12 5l6 2v5c0 3.5-2.5 6-6 7.5C8.5 18 6 15.5 6 12V7z"/>',
  government: '<path d="M5 18h14M6.5 18v-7M10.2 18v-7M13.8 18v-7M17.5 18v-7M5 10.5 12 6l7 4.5z"/>',
  park: '<path d="M12 18.5v-5M12 5l4.5 8.5h-9z"/>',
  place:
    '<path d="M12 19c-3.5-4-5.5-6.5-5.5-9a5.5 5.5 0 0 1 11 0c0 2.5-2 5-5.5 9z"/><circle cx="12" cy="10" r="1.6"/>',
  warning: '<path d="M12 7v6.5M12 16.8v.4" stroke-width="2.6"/>',
  valve: '<path d="M6 9v8l6-4zM18 9v8l-6-4zM12 13V8M9.5 7.5h5"/>',
  hydrant: '<path d="M9 18.5V10a3 3 0 0 1 6 0v8.5M7.5 18.5h9M7 13h10M12 5v2"/>',
  pump: '<circle cx="12" cy="12.5" r="5"/><path d="M12 12.5 15.5 9M12 12.5l1.2 4.8M12 12.5l-4.8-1.3"/>',
  manhole: '<circle cx="12" cy="12" r="5.5"/><path d="M8 10h8M8 14h8M10 7.5v9M14 7.5v9"/>',
  lamp: '<path d="M9.5 15a4.5 4.5 0 1 1 5 0v2h-5zM10 19.5h4"/>',
  tree: '<path d="M12 18.5v-6M12 13a4.5 4.5 0 1 1 0-8 4.5 4.5 0 0 1 0 8z"/>',
  bus: '<path d="M7 6.5h10v10H7zM7 12h10M8.5 16.5v2M15.5 16.5v2"/>',
};

/** What the server's kinds and classes are drawn with when the legend names no sign. */
const kinds: Record<string, string> = {
  sensors: "sensor",
  cameras: "camera",
  incidents: "warning",
  places: "place",
};

/** Words in a class that tell the sign; the first that fits. */
const words: [RegExp, string][] = [
  [/hospital|clinic|health|医/i, "hospital"],
  [/school|kindergarten|universit|学校|幼儿园/i, "school"],
  [/shelter|避难|避险/i, "shelter"],
  [/fire|消防/i, "fire"],
  [/police|公安|派出/i, "police"],
  [/government|town_?hall|政府/i, "government"],
  [/park|公园/i, "park"],
  [/rain|雨量/i, "rain"],
  [/water_?level|stage|水位|液位|tide|积水/i, "water-level"],
  [/flow|discharge|流量/i, "flow"],
  [/pressure|压力/i, "pressure"],
  [/pm2|pm10|air|wind|空气|风/i, "air"],
  [/gas|methane|燃气|甲烷/i, "gas"],
  [/power|electric|电/i, "power"],
  [/temperature|温度/i, "temperature"],
  [/camera|摄像/i, "camera"],
  [/valve|阀/i, "valve"],
  [/hydrant|消火栓/i, "hydrant"],
  [/pump|泵/i, "pump"],
  [/manhole|井/i, "manhole"],
];

const plain = new Set(["circle", "line", "area", ""]);

/** The sign for a feature: what the legend names, else what its class says, else its kind's. */
export function signOf(kind: string, symbol: string | undefined, value: unknown): string {
  if (symbol && !plain.has(symbol) && symbol in signs) return symbol;
  const text = `${symbol ?? ""} ${value ?? ""}`;
  return words.find(([word]) => word.test(text))?.[1] ?? kinds[kind] ?? "dot";
}

const cache = new Map<string, string>();

function svg(size: number, body: string): string {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 32 32">${body}</svg>`;
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

function cached(key: string, make: () => string): string {
  const known = cache.get(key) ?? make();
  cache.set(key, known);
  return known;
}

/** A round badge; incidents are diamonds, so that they are seen without colour too. */
export function badge(sign: string, color: string, rim: string): string {
  return cached(`${sign} ${color} ${rim}`, () => {
    const shape =
      sign === "warning"
        ? `<rect x="6" y="6" width="20" height="20" rx="3.5" transform="rotate(45 16 16)" fill="${color}" stroke="${rim}" stroke-width="2"/>`
        : `<circle cx="16" cy="16" r="12.5" fill="${color}" stroke="${rim}" stroke-width="2"/>`;
    const drawn = `<g transform="translate(4 4)" fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">${signs[sign] ?? signs.dot}</g>`;
    return svg(64, shape + drawn);
  });
}

/** A small dot, for seeing where things are from far away. */
export function spot(color: string, rim: string): string {
  return cached(`spot ${color} ${rim}`, () =>
    svg(32, `<circle cx="16" cy="16" r="12" fill="${color}" stroke="${rim}" stroke-width="4"/>`),
  );
}

/** How many lie here: rounded down to what people read at a glance, which also keeps the pictures few. */
export function roundCount(count: number): string {
  if (count < 10) return String(count);
  const step = count < 100 ? 10 : count < 1000 ? 100 : 1000;
  return `${Math.floor(count / step) * step}+`;
}

export function heap(count: number, color: string, rim: string): string {
  const text = roundCount(count);
  return cached(`heap ${text} ${color} ${rim}`, () => {
    const size = text.length > 3 ? 9 : 11;
    return svg(
      64,
      `<circle cx="16" cy="16" r="14.5" fill="${color}" fill-opacity=".28"/><circle cx="16" cy="16" r="11" fill="${color}" stroke="${rim}" stroke-width="1.5"/><text x="16" y="${16 + size * 0.36}" text-anchor="middle" font-family="Segoe UI,Helvetica,Arial,sans-serif" font-weight="600" font-size="${size}" fill="#fff">${text}</text>`,
    );
  });
}

/** A ring around what is selected. */
export function ring(color: string): string {
  return cached(`ring ${color}`, () =>
    svg(
      64,
      `<circle cx="16" cy="16" r="13" fill="none" stroke="#14181B" stroke-opacity=".5" stroke-width="4"/><circle cx="16" cy="16" r="13" fill="none" stroke="${color}" stroke-width="3"/>`,
    ),
  );
}

const pictures = new Map<string, HTMLImageElement | Promise<HTMLImageElement>>();

/**
 * A symbol as a picture; while it is being decoded, the promise of one, after which `drawn` is called.
 *
 * A scene that draws on demand would otherwise not notice that a sign has come.
 */
export function decoded(url: string, drawn: () => void): HTMLImageElement | Promise<HTMLImageElement> {
  const known = pictures.get(url);
  if (known instanceof HTMLImageElement) return known;
  const coming = known ?? decode(url);
  pictures.set(url, coming);
  // After those who wait for the picture itself.
  void coming.then(() => queueMicrotask(drawn));
  return coming;
}

async function decode(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = url;
  await image.decode();
  pictures.set(url, image);
  return image;
}
