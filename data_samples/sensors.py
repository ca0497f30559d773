"""The county's sensors: where they stand, and 30 days of hourly readings that hang together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import csv

from data_samples import files, manifest, offices, place, plan, weather
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.pipes import Network
    from data_samples.streets import Streets
    from data_samples.terrain import Ground
    from data_samples.weather import Weather


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of sensor."""

    code: str
    zh: str
    en: str
    unit: str
    count: int
    owner: str
    decimals: int
    prefix: str


WATER, DRAINS, AIR = "望海县水务局（虚构）", "望海县排水管理所（虚构）", "望海县生态环境局（虚构）"
KINDS = (
    Kind(
        code="water_level",
        zh="水位",
        en="Water level",
        unit="m",
        count=24,
        owner=WATER,
        decimals=2,
        prefix="SW",
    ),
    Kind(code="rain", zh="雨量", en="Rainfall", unit="mm", count=26, owner=WATER, decimals=1, prefix="YL"),
    Kind(code="air", zh="PM2.5", en="PM2.5", unit="μg/m³", count=18, owner=AIR, decimals=0, prefix="KQ"),
    Kind(
        code="manhole",
        zh="井盖倾角",
        en="Manhole cover tilt",
        unit="°",
        count=72,
        owner=DRAINS,
        decimals=1,
        prefix="JG",
    ),
    Kind(
        code="gas",
        zh="燃气浓度",
        en="Gas concentration",
        unit="%LEL",
        count=40,
        owner="望海燃气公司（虚构）",
        decimals=1,
        prefix="RN",
    ),
    Kind(
        code="pressure",
        zh="管网压力",
        en="Water pressure",
        unit="MPa",
        count=40,
        owner="望海县自来水公司（虚构）",
        decimals=3,
        prefix="YA",
    ),
    Kind(
        code="flow",
        zh="流量",
        en="Flow",
        unit="L/s",
        count=22,
        owner="望海县自来水公司（虚构）",
        decimals=1,
        prefix="LL",
    ),
    Kind(
        code="ponding",
        zh="路面积水",
        en="Water on the road",
        unit="cm",
        count=36,
        owner=DRAINS,
        decimals=1,
        prefix="JS",
    ),
    Kind(
        code="displacement",
        zh="桥梁位移",
        en="Bridge displacement",
        unit="mm",
        count=18,
        owner="望海县交通运输局（虚构）",
        decimals=2,
        prefix="QL",
    ),
    Kind(
        code="weather",
        zh="气温",
        en="Air temperature",
        unit="°C",
        count=14,
        owner="望海县气象局（虚构）",
        decimals=1,
        prefix="QW",
    ),
    Kind(code="noise", zh="噪声", en="Noise", unit="dB(A)", count=12, owner=AIR, decimals=1, prefix="ZS"),
)
SILENT = 7
"""So many stations fell silent some days before the end."""
MISSING = 0.006


@dataclass(frozen=True, kw_only=True)
class Stations:
    """Stations, one row each, kinds in the order of KINDS."""

    kind: NDArray[np.int64]
    at: NDArray[np.float64]
    """(n, 2) local metres."""
    low: NDArray[np.float64]
    """(n,) how low the place lies among its kind, 0 high .. 1 low."""
    name: NDArray[np.object_]


def site(graph: Streets, ground: Ground, networks: list[Network]) -> Stations:
    """Each kind where it belongs: levels on waters, tilt on manholes, road water on the lowest crossings."""
    by_code = {network.type.code: network for network in networks}
    land = plan.land()
    axis = shapely.get_coordinates(
        land.river_axis.intersection(land.boundary.difference(land.sea)).segmentize(200)
    )
    canal = shapely.get_coordinates(shapely.oriented_envelope(land.canal).centroid)
    dry = shapely.get_coordinates(
        shapely.line_interpolate_point(graph.lines[graph.bridge], 0.5, normalized=True)
    )
    main = np.isin(graph.grade, ["trunk", "primary", "secondary"])
    crossing = graph.nodes[np.unique(graph.start[main])]
    everywhere = graph.nodes
    lowest = crossing[np.argsort(ground.at(crossing), kind="stable")[: len(crossing) // 3]]
    where = {
        "water_level": np.vstack((axis, canal, [[1_800.0, 1_080.0], [5_330.0, 4_520.0]])),
        "rain": everywhere,
        "air": everywhere,
        "manhole": by_code["WS"].points[:, :2],
        "gas": by_code["TR"].points[:, :2],
        "pressure": by_code["JP"].points[:, :2],
        "flow": by_code["SS"].points[:, :2],
        "ponding": lowest,
        "displacement": dry,
        "weather": everywhere,
        "noise": crossing,
    }
    parts = [_spread(where[kind.code], kind.count) for kind in KINDS]
    at = np.vstack(parts)
    sort = np.repeat(np.arange(len(KINDS)), [len(part) for part in parts])
    z = ground.at(at)
    low = np.array([(z[sort == s] > level).mean() for s, level in zip(sort, z, strict=True)])
    return Stations(kind=sort, at=at, low=low, name=_names(graph, at, sort))


def _spread(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` of the points (fewer if there are fewer), each as far as can be from those chosen before."""
    chosen = [0]
    away = np.hypot(*(points - points[0]).T)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.hypot(*(points - points[chosen[-1]]).T))
    return points[chosen]


def _names(graph: Streets, at: NDArray[np.float64], sort: NDArray[np.int64]) -> NDArray[np.object_]:
    named = graph.take(~np.isin(graph.grade, ["motorway", "service"]) & ~graph.oneway)
    row, near = shapely.STRtree(named.lines).query_nearest(shapely.points(at), all_matches=False)
    street = named.name[near[np.argsort(row, kind="stable")]]
    return np.array(
        [f"{street[k]}{KINDS[s].zh}监测点{k + 1:03d}" for k, s in enumerate(sort.tolist())], dtype=object
    )


def readings(stations: Stations, sky: Weather, rng: np.random.Generator) -> NDArray[np.float64]:
    """(stations, hours) values; NaN where a station sent nothing."""
    parts = []
    for k, kind in enumerate(KINDS):
        mine = stations.kind == k
        values = SERIES[kind.code](sky, stations.at[mine], stations.low[mine], rng)
        parts.append(np.round(values, kind.decimals))
    every = np.vstack(parts)
    every[rng.random(every.shape) < MISSING] = np.nan
    for station in rng.choice(len(every), SILENT, replace=False).tolist():
        every[station, -int(rng.integers(100, 300)) :] = np.nan
    return every


type _Points = NDArray[np.float64]


def _noise(rng: np.random.Generator, at: _Points, scale: float) -> NDArray[np.float64]:
    return np.asarray(rng.normal(0, scale, (len(at), weather.HOURS)))


def _water_level(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The river rises with runoff; the tide is felt up to 4 km from the mouth."""
    east = at[:, :1]
    tidal = np.clip((east - 5_200) / 3_800, 0, 1)
    base = 1.6 * (1 - east / 9_300).clip(0)
    return (
        base
        + sky.runoff * 0.017 * (1.1 - tidal)
        + tidal * np.maximum(sky.tide, -0.4)
        + 0 * low[:, None]
        + _noise(rng, at, 0.012)
    )


def _rainfall(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    local = 1 + 0.3 * np.sin(at[:, :1] / 2_300 + at[:, 1:] / 3_100) + 0 * low[:, None]
    return sky.rain * local * rng.uniform(0.8, 1.2, (len(at), weather.HOURS))


def _pm25(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    town = np.exp(-(((at - place.TOWN) / 3_800) ** 2).sum(axis=1))[:, None]
    return np.clip(sky.haze * (0.75 + 0.45 * town) + 0 * low[:, None] + _noise(rng, at, 3.0), 3, None)


def _manhole(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Nearly level; three covers were lifted, one by the downpour."""
    tilt = np.abs(_noise(rng, at, 0.3)) + 0 * low[:, None]
    for station, start in ((3, 210), (17, 480), (29, weather.HOURS - 71)):
        tilt[station, start : start + 6] += 34.0 + 0 * sky.rain[start : start + 6]
    return tilt


def _gas(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Traces; one slow leak that was found and mended."""
    level = np.abs(_noise(rng, at, 0.25)) + 0 * low[:, None] + 0 * sky.rain
    level[7, 540:566] += 22 * np.sin(np.pi * np.arange(26) / 26)
    return level


def _pressure(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    far = np.hypot(*(at - [2_420, 3_800]).T)[:, None] / 8_000
    steady = 0.40 + 0.03 * low[:, None] - (0.035 + 0.06 * far) * sky.habit
    return np.asarray(np.maximum(steady + _noise(rng, at, 0.003), 0.05))


def _flow(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    size = rng.uniform(25, 140, (len(at), 1))
    return np.clip(size * sky.habit * (1 + _noise(rng, at, 0.03)) + 0 * low[:, None], 0, None)


def _road_water(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Streets flood when rain outruns the drains: first and deepest where they lie low."""
    over = np.maximum(sky.soaked - (30 - 18 * low[:, None]), 0)
    return np.clip(over * (0.35 + 0.75 * low[:, None]) + (over > 0) * _noise(rng, at, 0.4), 0, None)


def _displacement(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A bridge moves with its temperature; traffic adds a tremble."""
    reach = rng.uniform(0.12, 0.3, (len(at), 1))
    return (
        reach * (sky.warmth - sky.warmth.mean())
        + 0.12 * (sky.habit - 1)
        + 0 * low[:, None]
        + _noise(rng, at, 0.06)
    )


def _temperature(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    town = np.exp(-(((at - place.TOWN) / 3_000) ** 2).sum(axis=1))[:, None]
    return sky.warmth + 1.3 * town + 0 * low[:, None] + _noise(rng, at, 0.25)


def _noise_level(
    sky: Weather, at: _Points, low: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    day = np.where((sky.hour > 6) & (sky.hour < 22), 1.0, 0.0)
    return (
        47
        + 13 * day
        + 3 * (sky.habit - 1)
        + 2.5 * np.minimum(sky.rain, 3) / 3
        + 0 * low[:, None]
        + _noise(rng, at, 1.6)
    )


SERIES = {
    "water_level": _water_level,
    "rain": _rainfall,
    "air": _pm25,
    "manhole": _manhole,
    "gas": _gas,
    "pressure": _pressure,
    "flow": _flow,
    "ponding": _road_water,
    "displacement": _displacement,
    "weather": _temperature,
    "noise": _noise_level,
}


def write(stations: Stations, until: datetime, folder: Path, seed: int) -> Entry:
    """Write stations and observations as CSV; returns the manifest's line."""
    from datetime import timedelta, timezone

    end = np.datetime64(until.astimezone(timezone(timedelta(hours=8))).replace(tzinfo=None), "h")
    sky = weather.month(end, np.random.default_rng([seed, 80]))
    values = readings(stations, sky, np.random.default_rng([seed, 81]))
    serial = np.arange(len(stations.kind)) - np.searchsorted(stations.kind, stations.kind) + 1
    identity = np.array([f"{KINDS[k].prefix}{n:03d}" for k, n in zip(stations.kind, serial, strict=True)])
    _write_stations(stations, identity, folder)
    station, hour = np.nonzero(np.isfinite(values))
    text = np.char.add(np.datetime_as_string(sky.times, unit="m"), "+08:00")
    kind = stations.kind[station]
    observations = pa.table(
        {
            "station": pa.array(identity).take(station),
            "observed_property": pa.array([k.zh for k in KINDS]).take(kind),
            "time": pa.array(text).take(hour),
            "value": values[station, hour],
            "unit": pa.array([k.unit for k in KINDS]).take(kind),
        }
    )
    csv.write_csv(observations, folder / "observations.csv", csv.WriteOptions(quoting_style="none"))
    return Entry(
        files=("stations.csv", "observations.csv"),
        layer="sensors",
        kind="sensors",
        crs="EPSG:4490",
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "物联感知", "en": "Sensors"},
        theme="iot",
        department=offices.CITY,
        columns={key: key for key in ("id", "name", "kind", "owner", "state")},
    )


def _write_stations(stations: Stations, identity: NDArray[np.str_], folder: Path) -> None:
    lonlat = files.lonlat(stations.at)
    kinds = [KINDS[k] for k in stations.kind.tolist()]
    table = pa.table(
        {
            "id": identity,
            "name": stations.name,
            "kind": [kind.code for kind in kinds],
            "state": ["在用"] * len(kinds),
            "observed_property": [kind.zh for kind in kinds],
            "unit": [kind.unit for kind in kinds],
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
            "owner": [kind.owner for kind in kinds],
            "installed": [f"{2016 + k % 5}-{k % 12 + 1:02d}-15" for k in range(len(kinds))],
        }
    )
    csv.write_csv(table, folder / "stations.csv")
