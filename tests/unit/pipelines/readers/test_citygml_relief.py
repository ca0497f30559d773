"""TINs as terrain: the grid is the triangles' own surface, in its place, and says how near it is."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio

from pipelines.readers import citygml
from pipelines.readers.cities import citygml_relief
from pipelines.readers.reader import Options
from twin.errors import UnsupportedFormat

DATA = Path(__file__).parents[5] / "shared" / "data" / "buildings"
HEAD = (
    '<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:gml="http://www.opengis.net/gml"'
    ' xmlns:dem="http://www.opengis.net/citygml/relief/2.0"><gml:boundedBy><gml:Envelope srsDimension="3"'
    ' srsName="urn:ogc:def:crs:EPSG::4548"/></gml:boundedBy>'
)


def plane(x, y):
    return 12 + 0.05 * (x - 500000) - 0.03 * (y - 4000000)


def tin(path, *corners, component="TINRelief"):
    """Triangles of x, y, z; the file's axes are north, east, up."""
    patches = "".join(
        "<gml:Triangle><gml:exterior><gml:LinearRing><gml:posList>"
        + " ".join(f"{y} {x} {z}" for x, y, z in (*t, t[0]))
        + "</gml:posList></gml:LinearRing></gml:exterior></gml:Triangle>"
        for t in corners
    )
    surface = f"<gml:TriangulatedSurface><gml:trianglePatches>{patches}</gml:trianglePatches></gml:TriangulatedSurface>"
    inner = f"<dem:{component}><dem:lod>2</dem:lod><dem:tin>{surface if corners else ''}</dem:tin></dem:{component}>"
    relief = f'<dem:ReliefFeature gml:id="r1"><dem:reliefComponent>{inner}</dem:reliefComponent></dem:ReliefFeature>'
    path.write_text(f"{HEAD}<core:cityObjectMember>{relief}</core:cityObjectMember></core:CityModel>")
    return path


def fan(height):
    """A square of 200 m cut into eight triangles about a middle that is off its centre."""
    ring = [(0, 0), (100, 0), (200, 0), (200, 100), (200, 200), (100, 200), (0, 200), (0, 100)]
    places = [(500000 + x, 4000000 + y) for x, y in (*ring, ring[0])]
    middle = (500080, 4000090)
    return [[(*p, height(*p)) for p in (a, b, middle)] for a, b in pairwise(places)]


def read(path, **options):
    return list(citygml.READER.read((path,), Options(**options)))


def test_a_sloping_plane_is_exact_everywhere_and_lies_where_it_is(tmp_path):
    (part,) = read(tin(tmp_path / "a.gml", *fan(plane)))
    assert part.kind == "terrain"
    (batch,) = part.batches
    assert batch.table["id"].to_pylist() == ["r1"]
    with rasterio.open(next(iter(part.assets.values()))) as file:
        heights = file.read(1)
        assert file.crs.to_epsg() == 4548
        rows, columns = np.nonzero(np.isfinite(heights))
        x, y = rasterio.transform.xy(file.transform, rows, columns)
    assert len(rows) >= 64 * 64
    assert np.abs(heights[rows, columns] - plane(np.array(x), np.array(y))).max() < 1e-4
    assert (min(x), max(y)) == pytest.approx((500000, 4000200))


def test_a_crease_is_met_within_the_tolerance_and_the_report_says_how_near(tmp_path):
    (part,) = read(tin(tmp_path / "a.gml", *fan(lambda x, y: 15 + 5 * np.sin(x * y))))
    assert any("8 triangles on a grid of" in n and "more than" not in n for n in part.notes)


def test_outside_of_the_triangles_nothing_is_known(tmp_path):
    (part,) = read(tin(tmp_path / "a.gml", *fan(plane)[:3]))
    with rasterio.open(next(iter(part.assets.values()))) as file:
        assert np.isnan(file.read(1)).mean() > 0.2


def test_relief_without_triangles_is_refused_with_what_it_has(tmp_path):
    with pytest.raises(UnsupportedFormat, match="MassPointRelief"):
        read(tin(tmp_path / "a.gml", component="MassPointRelief"))
    flat = [(500000.0 + i, 4000000.0, 1.0) for i in range(3)]
    with pytest.raises(UnsupportedFormat, match="no area"):
        read(tin(tmp_path / "a.gml", flat))


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
def test_plateaus_two_reliefs_go_in(tmp_path):
    (path,) = DATA.glob("plateau/*/udx/dem/*.gml")
    (part,) = read(path, kind="terrain")
    (batch,) = part.batches
    assert len(batch.table) == 2
    assert part.vertical == "EPSG:6695"


def test_spacing_stops_at_the_largest_grid_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(citygml_relief, "CELLS", 10_000)
    cliff = fan(lambda x, y: 5000.0 * np.sin(x * y))
    (part,) = read(tin(tmp_path / "a.gml", *cliff))
    assert any("a finer grid would be too large" in n for n in part.notes)
