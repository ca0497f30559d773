/** Room on the screen for names: a name that would lie on another one is left out. Pure figures. */

export interface Room {
  /** True, and then taken, when the box lies in the window and is free; pixels. */
  take(x: number, y: number, width: number, height: number): boolean;
}

const cell = 12;

export function createRoom(width: number, height: number): Room {
  const taken = new Set<number>();
  const columns = Math.ceil(width / cell);
  return {
    take(x, y, w, h) {
      if (x + w < 0 || y + h < 0 || x > width || y > height) return false;
      const cells: number[] = [];
      for (let row = Math.floor(y / cell); row <= Math.floor((y + h) / cell); row += 1)
        for (let column = Math.floor(x / cell); column <= Math.floor((x + w) / cell); column += 1)
          cells.push(row * columns * 2 + column);
      if (cells.some((key) => taken.has(key))) return false;
      for (const key of cells) taken.add(key);
      return true;
    },
  };
}

/** About how wide the longest line of a text is at 13 px; a Chinese character is a full square. */
export function textWidth(text: string): number {
  const widths = text
    .split("\n")
    .map((line) => [...line].reduce((sum, sign) => sum + (sign > "\u2e80" ? 13 : 7.5), 0));
  return Math.max(...widths);
}
