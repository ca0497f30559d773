"""The EPANET model runs, and keeps its pressures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.data_samples.conftest import County

wntr = pytest.importorskip("wntr")


def test_epanet_runs_a_day_with_positive_pressures(wanghai: County, tmp_path: Path) -> None:
    model = wntr.network.WaterNetworkModel(str(wanghai.file("water_model.inp")))
    assert model.num_junctions > 150
    assert model.num_pumps == 1
    assert model.num_tanks == 1
    assert model.num_valves == 1
    run = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(tmp_path / "run"))
    pressure = run.node["pressure"][model.junction_name_list]
    assert pressure.min(axis=None) > 10
    assert pressure.max(axis=None) < 80


def test_the_model_lies_where_the_county_lies(wanghai: County) -> None:
    model = wntr.network.WaterNetworkModel(str(wanghai.file("water_model.inp")))
    x, y = zip(*(node.coordinates for _, node in model.nodes()), strict=True)
    assert 613_720 < min(x) < max(x) < 624_040
    assert 4_241_760 < min(y) < max(y) < 4_252_680
