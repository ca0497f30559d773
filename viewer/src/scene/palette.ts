/** The colours of the map, the same as the frame's tokens. */
export interface Palette {
  /** Far below the map, where nothing is known. */
  globe: string;
  sky: string;
  /** What the air in the distance fades into. */
  haze: string;
  building: string;
  selected: string;
  text: string;
  halo: string;
  accent: string;
  quiet: string;
  underground: string;
}

export const light: Palette = {
  globe: "#D5DDE0",
  sky: "#BFD6E4",
  haze: "#E4EBEF",
  building: "#E9E4DA",
  selected: "#FFB000",
  text: "#14181B",
  halo: "#FFFFFF",
  accent: "#0B6E99",
  quiet: "#8A949B",
  underground: "#E0DCD3",
};

export const night: Palette = {
  globe: "#171C20",
  sky: "#0D1114",
  haze: "#1A2025",
  building: "#E9E4DA",
  selected: "#FFC233",
  text: "#E9EDF0",
  halo: "#14181B",
  accent: "#4DB5DE",
  quiet: "#6B767E",
  underground: "#20262A",
};

/** Colours of the warning levels, when a layer's own legend does not say. */
export const levels: Record<string, string> = { I: "#D0312D", II: "#E87722", III: "#E0B100", IV: "#2F6FDB" };
