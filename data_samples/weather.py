"""A month of weather and habits, hour by hour, from which every sensor's readings are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOURS = 720


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Hourly series of the last 30 days; each (HOURS,) float64."""

    times: NDArray[np.datetime64]
    """Beijing time, whole hours."""
    hour: NDArray[np.float64]
    """Hour of the day, 0..23."""
    rain: NDArray[np.float64]
    """mm in the hour, over the county as a whole."""
    soaked: NDArray[np.float64]
    """Rain still on the streets, mm: drains within hours."""
    runoff: NDArray[np.float64]
    """Rain still in the river, mm: drains within days."""
    tide: NDArray[np.float64]
    """Sea level, metres above the 1985 datum."""
    warmth: NDArray[np.float64]
    """Air temperature, degrees Celsius."""
    habit: NDArray[np.float64]
    """Water use, 1 on average: peaks in the morning and the evening."""
    haze: NDArray[np.float64]
    """PM2.5 over the county, micrograms a cubic metre."""


def month(until: np.datetime64, rng: np.random.Generator) -> Weather:
    """The 30 days that end with `until` (Beijing time, a whole hour)."""
    times = until - np.arange(HOURS)[::-1].astype("timedelta64[h]")
    hour = (times - times.astype("datetime64[D]")).astype(np.int64) % 24 * 1.0
    rain = _rain(rng)
    t = times.astype("datetime64[h]").astype(np.int64).astype(np.float64)
    season = np.cos((times.astype("datetime64[D]").astype(np.int64) % 365.25 - 200) / 365.25 * 2 * np.pi)
    fronts = _wander(rng, 0.985)
    return Weather(
        times=times,
        hour=hour,
        rain=rain,
        soaked=_drain(rain, 2.2),
        runoff=_drain(rain, 40.0),
        tide=0.25 + 0.95 * np.cos(2 * np.pi * t / 12.42) + 0.25 * np.cos(2 * np.pi * t / 24.84 + 0.7),
        warmth=12.5
        + 14.5 * season
        + 4.2 * np.cos((hour - 15) / 24 * 2 * np.pi)
        + 2.4 * fronts
        - 1.4 * (rain > 0),
        habit=habit(hour),
        haze=np.clip(
            46 + 24 * _wander(rng, 0.97) + 8 * np.cos((hour - 8) / 12 * 2 * np.pi) - 5 * _drain(rain, 10.0),
            6,
            None,
        ),
    )


def _rain(rng: np.random.Generator) -> NDArray[np.float64]:
    """Five falls of rain, one of them a downpour three days before the end, so that there is something to see."""
    rain = np.zeros(HOURS)
    starts = [*rng.integers(20, HOURS - 130, 4).tolist(), HOURS - 74]
    for start, depth in zip(starts, (9.0, 22.0, 14.0, 5.0, 78.0), strict=True):
        length = int(rng.integers(5, 11))
        shape = rng.gamma(2.0, 1.0, length) * np.sin(np.pi * (np.arange(length) + 0.6) / length)
        rain[start : start + length] += depth * shape / shape.sum()
    return np.round(rain, 1)


def _drain(rain: NDArray[np.float64], hours: float) -> NDArray[np.float64]:
    """Rain that has not yet run off, draining with a time constant."""
    kernel = np.exp(-np.arange(min(HOURS, int(hours * 6))) / hours)
    return np.convolve(rain, kernel)[:HOURS]


def _wander(rng: np.random.Generator, memory: float) -> NDArray[np.float64]:
    """A slow random walk of unit variance that returns to 0."""
    steps = rng.normal(0, np.sqrt(1 - memory**2), HOURS + 200)
    kernel = memory ** np.arange(200)
    return np.convolve(steps, kernel)[200 : HOURS + 200]


def habit(hour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Water use at each hour of the day, 1 on average."""
    morning, evening = np.exp(-(((hour - 7.5) / 1.8) ** 2)), np.exp(-(((hour - 19.0) / 2.4) ** 2))
    noon = 0.45 * np.exp(-(((hour - 12.0) / 1.6) ** 2))
    use = 0.42 + 0.95 * morning + 0.9 * evening + noon
    return np.asarray(use / 0.84)
