from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from data_samples import county
from data_samples.manifest import Manifest

UNTIL = datetime(2026, 11, 21, 8, tzinfo=UTC)


class County(NamedTuple):
    folder: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="session")
def wanghai(tmp_path_factory: pytest.TempPathFactory) -> County:
    folder = tmp_path_factory.mktemp("wanghai")
    return County(folder, county.write(folder, until=UNTIL))
