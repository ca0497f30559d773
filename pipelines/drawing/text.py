"""Words as pixels: Noto Sans SC, which comes with the installation, with a halo around it."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pylopdf_fonts_zh_cn
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

HALO = 3
"""Pixels of halo around a letter."""
PAD = HALO + 3
WRAP = 9
"""A name of more characters is written on two lines."""

Masks = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Letters and letters with their halo, (rows, columns) uint8 each."""


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The typeface at a size in pixels."""
    return ImageFont.truetype(
        Path(pylopdf_fonts_zh_cn.sans_path()), size, layout_engine=ImageFont.Layout.BASIC
    )


@lru_cache(maxsize=8192)
def measure(text: str, size: int) -> tuple[float, float]:
    """Width and height of a text in pixels, without its halo."""
    lines = text.split("\n")
    return max(font(size).getlength(line) for line in lines), line_height(size) * len(lines)


def line_height(size: int) -> float:
    """Pixels from line to line."""
    return size * 1.18


def wrapped(name: str) -> str:
    """A long name in two lines, cut at a space, a bracket or the middle."""
    if len(name) <= WRAP or (name.isascii() and len(name) <= 2 * WRAP):
        return name
    middle = len(name) / 2
    cuts = [i for i, letter in enumerate(name) if letter in " (（·-" and 2 < i < len(name) - 2]
    cut = min(cuts, key=lambda i: abs(i - middle)) if cuts else round(middle)
    return f"{name[:cut].rstrip()}\n{name[cut:].lstrip()}"


@lru_cache(maxsize=4096)
def masks(text: str, size: int, angle: int = 0) -> Masks:
    """The pixels of a text, turned counter-clockwise by whole degrees; its middle is the masks' middle."""
    width, height = measure(text, size)
    shape = (int(width) + 2 * PAD, int(height) + 2 * PAD)
    return _drawn(text, size, shape, angle, 0), _drawn(text, size, shape, angle, HALO)


def _drawn(text: str, size: int, shape: tuple[int, int], angle: int, halo: int) -> NDArray[np.uint8]:
    image = Image.new("L", shape, 0)
    pen = ImageDraw.Draw(image)
    for k, line in enumerate(text.split("\n")):
        middle = (shape[0] / 2, PAD + line_height(size) * (k + 0.5))
        pen.text(middle, line, font=font(size), fill=255, anchor="mm", stroke_width=halo)
    if angle:
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image)
