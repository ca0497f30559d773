import pyarrow as pa
import pytest

from pipelines.readers.tables.times import parsed
from twin.errors import InvalidParameter


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2024-05-01T08:00:00+08:00", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01 08:00+0800", "2024-05-01T00:00:00+00:00"),
        ("2024-05-01 01:00:00.250000Z", "2024-05-01T01:00:00.250000+00:00"),
        ("2024/5/1 8:05", "2024-05-01T08:05:00+00:00"),
        ("2024.5.1", "2024-05-01T00:00:00+00:00"),
        ("2024年5月1日 08:00", "2024-05-01T08:00:00+00:00"),
        ("202405010800", "2024-05-01T08:00:00+00:00"),
        ("2024-05-01", "2024-05-01T00:00:00+00:00"),
        ("2024-13-01", None),
        ("soon", None),
    ],
)
def test_times_are_read_as_people_and_machines_write_them(written, read):
    found, _ = parsed(pa.chunked_array([[written]]), None)
    assert (found[0].as_py() and found[0].as_py().isoformat()) == read


def test_a_named_zone_holds_for_times_without_one_only_and_knows_summer():
    words = pa.chunked_array([["2024-07-01 12:00", "2024-01-01 12:00", "2024-07-01T12:00Z"]])
    found, bare = parsed(words, "Europe/Brussels")
    assert [t.hour for t in found.to_pylist()] == [10, 11, 12]
    assert not bare


def test_a_zone_that_is_none_is_named():
    with pytest.raises(InvalidParameter, match="Mars/Base"):
        parsed(pa.chunked_array([["2024-07-01 12:00"]]), "Mars/Base")
