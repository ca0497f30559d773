import pytest

from layers.conform import conform
from pipelines.readers import csv_points, sensors
from pipelines.readers.reader import Options
from pipelines.readers.tables.times import NO_ZONE
from twin.errors import InvalidParameter, MissingPart
from twin.place import to_crs84

STATIONS = "编号,名称,类型,经度,纬度\nS1,一号桥,水位,116.4,39.9\nS2,二号桥,雨量,116.5,39.8\n"


@pytest.fixture
def write(tmp_path):
    def put(name, text):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return put


def read(*paths, **options):
    (part,) = sensors.read(paths, Options(kind="sensors", **options))
    batches = [conform(to_crs84(b), sensors.KIND) for b in part.batches]
    rows = [row for b in batches for row in b.table.to_pylist()]
    found = list(part.observations()) if part.observations else []
    seen = [
        tuple(r[k] for k in ("thing", "observed_property", "unit", "value"))
        for b in found
        for r in b.table.to_pylist()
    ]
    times = [t.isoformat() for b in found for t in b.table["time"].to_pylist()]
    rejected = [r for b in (*batches, *found) for r in b.rejected]
    return rows, seen, times, rejected, part.notes


def test_stations_and_a_long_series_come_together(write):
    long = (
        "站点,监测时间,指标,监测值,单位\nS1,2024-05-01 08:00:00+08:00,水位,1.25,m\n"
        "S2,2024/5/1 8:05,雨量,,mm\nS9,2024-05-01T00:00:00Z,雨量,1,mm\n"
        "S1,yesterday,水位,1,m\nS1,2024-05-01 09:00,水位,dry,m\n"
    )
    rows, seen, times, rejected, notes = read(
        write("s.csv", STATIONS), write("l.csv", long), tz="Asia/Shanghai"
    )
    assert [(r["id"], r["name"], r["kind"]) for r in rows] == [
        ("S1", "一号桥", "water_level"),
        ("S2", "二号桥", "rain"),
    ]
    assert seen == [("S1", "水位", "m", 1.25), ("S2", "雨量", "mm", None)]
    assert times == ["2024-05-01T00:00:00+00:00", "2024-05-01T00:05:00+00:00"]
    assert [(r.row, r.column) for r in rejected] == [(2, "station"), (3, "time"), (4, "监测值")]
    assert NO_ZONE not in notes


def test_a_wide_series_gives_a_datastream_a_column_with_the_unit_in_its_name(write):
    wide = (
        "No,time,station,PM2.5(µg/m³),TEMP,wd\n1,2024-05-01 00:00,A,12,20.5,N\n2,2024-05-01 01:00,A,NA,21,S\n"
    )
    rows, seen, _, _, notes = read(write("w.csv", wide), at=(116.4, 40.0))
    assert [r["id"] for r in rows] == ["A"]
    assert seen == [
        ("A", "PM2.5", "µg/m³", 12.0),
        ("A", "PM2.5", "µg/m³", None),
        ("A", "TEMP", "", 20.5),
        ("A", "TEMP", "", 21.0),
    ]
    assert NO_ZONE in notes
    assert any("wd" in n for n in notes)


def test_year_month_day_and_hour_make_a_time_in_the_zone_that_is_named(write):
    wide = "year,month,day,hour,v\n2013,3,1,0,1\n2013,2,30,0,2\n"
    _, seen, times, rejected, _ = read(write("one.csv", wide), at=(1, 2), tz="Asia/Shanghai")
    assert seen == [("one", "v", "", 1.0)]
    assert times == ["2013-02-28T16:00:00+00:00"]
    assert rejected[0].column == "time"


def test_series_that_carry_their_coordinates_need_no_table_of_stations(write):
    rows = ("A,1,2,2024-05-01T00:00Z,5", "A,1,2,2024-05-01T01:00Z,6", "B,3,4,2024-05-01T00:00Z,7")
    long = "\n".join(("station,lon,lat,time,value", *rows)) + "\n"
    rows, seen, _, _, _ = read(write("l.csv", long))
    assert [r["id"] for r in rows] == ["A", "B"]
    assert [s[3] for s in seen] == [5.0, 6.0, 7.0]


def test_a_value_declared_missing_is_missing(write):
    wide = "time,v\n2024-05-01T00:00Z,-9999\n2024-05-01T01:00Z,1\n"
    _, seen, _, _, _ = read(write("w.csv", wide), at=(1, 2), nodata={"v": "-9999"})
    assert [s[3] for s in seen] == [None, 1.0]


def test_stations_alone_are_a_layer_without_series(write):
    rows, seen, _, _, _ = read(write("s.csv", STATIONS))
    assert (len(rows), seen) == (2, [])


def test_nowhere_and_several_at_one_place_are_refused(write):
    series = write("w.csv", "time,station,v\n2024-05-01T00:00Z,A,1\n2024-05-01T00:00Z,B,1\n")
    with pytest.raises(MissingPart, match="--at LON,LAT"):
        read(series)
    with pytest.raises(InvalidParameter, match="there are 2: A, B"):
        read(series, at=(1, 2))


def test_which_csv_is_whose(write):
    stations, wide = write("s.csv", STATIONS), write("w.csv", "year,month,day,v\n2013,3,1,1\n")
    assert csv_points.claims(stations)
    assert not sensors.claims(stations)
    assert sensors.claims(wide)
    assert not csv_points.claims(wide)


def test_a_reading_whose_unit_cannot_be_kept_is_refused_by_itself(write):
    head = "站点,监测时间,指标,监测值,单位\n"  # and a zero beyond the bytes by which text is told from binary
    rest = "".join(f"S1,2024-05-01T0{h}:00:00Z,水位,{h},m\n" for h in range(1, 10)) * 8
    rest += "S2,2024-05-02T08:00:00Z,雨量,1,m\0m\nS2,2024-05-02T09:00:00Z,雨量,2,mm\n"
    long = head + rest
    _, seen, _, rejected, _ = read(write("s.csv", STATIONS), write("l.csv", long))
    assert seen[-1] == ("S2", "雨量", "mm", 2.0)
    assert [(r.column, "U+0000" in r.reason) for r in rejected] == [("unit", True)]
