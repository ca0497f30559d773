"""Sensors and cameras: enough of them, where they belong, with readings one can believe."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.unit.data_samples.conftest import UNTIL, County


def _readings(wanghai: County) -> pd.DataFrame:
    return pd.read_csv(wanghai.file("observations.csv"), parse_dates=["time"])


def test_three_hundred_stations_of_many_kinds(wanghai: County) -> None:
    stations = pd.read_csv(wanghai.file("stations.csv"))
    assert len(stations) >= 300
    assert stations["id"].is_unique
    assert stations["kind"].nunique() >= 9
    assert stations["lon"].between(118.30, 118.42).all()
    assert stations["lat"].between(38.30, 38.40).all()


def test_thirty_days_of_hourly_readings_end_when_told(wanghai: County) -> None:
    readings = _readings(wanghai)
    assert len(readings) <= 250_000
    assert readings["time"].max() == pd.Timestamp(UNTIL)
    assert readings["time"].max() - readings["time"].min() == pd.Timedelta(hours=719)
    assert not readings.duplicated(["station", "observed_property", "time"]).any()
    stations = pd.read_csv(wanghai.file("stations.csv"))
    assert set(readings["station"]) == set(stations["id"])


def test_some_stations_fell_silent(wanghai: County) -> None:
    last = _readings(wanghai).groupby("station")["time"].max()
    silent = last < pd.Timestamp(UNTIL) - pd.Timedelta(days=4)
    assert 3 <= silent.sum() <= 12


def test_the_streets_flood_when_it_pours_and_not_before(wanghai: County) -> None:
    readings = _readings(wanghai)
    mean = readings.pivot_table(index="time", columns="observed_property", values="value", aggfunc="mean")
    pour = mean["雨量"].idxmax()
    flooded = mean.loc[pour : pour + pd.Timedelta(hours=4), "路面积水"].max()
    dry = mean.loc[mean["雨量"].rolling(24).sum() == 0, "路面积水"]
    assert flooded > 1
    assert dry.max() < 0.5


def test_people_use_water_in_the_morning_and_not_at_night(wanghai: County) -> None:
    readings = _readings(wanghai)
    flow = readings[readings["observed_property"] == "流量"]
    hour = flow["time"].dt.tz_convert("Asia/Shanghai").dt.hour
    by_hour = flow.groupby(hour)["value"].mean()
    assert by_hour[7] > 1.8 * by_hour[3]


def test_values_are_in_their_bounds(wanghai: County) -> None:
    readings = _readings(wanghai)
    assert np.isfinite(readings["value"]).all()
    low = readings.groupby("observed_property")["value"].min()
    assert (low[["雨量", "PM2.5", "燃气浓度", "管网压力", "流量", "路面积水"]] >= 0).all()


def test_760_cameras_each_look_somewhere(wanghai: County) -> None:
    cameras = pd.read_csv(wanghai.file("cameras.csv"))
    assert len(cameras) == 760
    assert cameras["id"].is_unique
    assert cameras["direction"].between(0, 360).all()
    assert cameras["name"].str.contains("路口").all()
    assert set(cameras["kind"]) == {"bullet", "dome", "checkpoint"}
