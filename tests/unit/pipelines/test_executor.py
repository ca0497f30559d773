"""Work in other processes: the same results, errors as they were, and no end of it when a process dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pipelines.executor import Processes
from twin.errors import InvalidParameter, TwinError
from twin.tile_matrix_sets import BUILT, WEB_MERCATOR, Cell, mercator


@pytest.fixture
def pool() -> Iterator[Processes]:
    """Two workers that have begun."""
    processes = Processes(most=2)
    while processes(os.getpid) == os.getpid():
        pass
    yield processes
    processes.close()


def test_it_runs_elsewhere(pool: Processes) -> None:
    assert pool(os.getpid) != os.getpid()
    assert pool(divmod, 7, 2) == (3, 1)


def test_until_a_worker_has_begun_it_runs_here() -> None:
    processes = Processes(most=0)
    assert processes(os.getpid) == os.getpid()


def test_what_is_raised_there_is_raised_here(pool: Processes) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        pool(int, "seven")
    assert pool(int, "7") == 7


def test_a_worker_that_dies_is_replaced(pool: Processes) -> None:
    dead = set()
    while len(dead) < 4:
        worker = pool(os.getpid)
        if worker != os.getpid():
            assert worker not in dead
            os.kill(worker, signal.SIGKILL)
            dead.add(worker)
        assert pool(abs, -3) == 3


def test_many_threads_get_their_own_results(pool: Processes) -> None:
    found: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: pool(pow, n, 2)})) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n * n for n in range(30)}


def test_workers_end_with_the_pool() -> None:
    processes = Processes(most=1)
    while (pid := processes(os.getpid)) == os.getpid():
        pass
    processes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert processes(os.getpid) == os.getpid()


def test_a_place_is_the_same_in_another_process(pool: Processes) -> None:
    """Also of sets that are told apart by what they are."""
    xy = np.array([[117.9, 37.1], [118.0, 37.2]])
    for tms in BUILT:
        cell = Cell(tms=tms, matrix=tms.matrices[3], row=1, column=2)
        there = pool(Cell.inside, cell, xy)
        assert np.array_equal(there, cell.inside(xy)), tms.id
    assert pool(_is_mercator, mercator(3, 1, 2))


def _is_mercator(cell: Cell) -> bool:
    return cell.tms is WEB_MERCATOR


def test_errors_of_ours_come_back_with_their_words(pool: Processes) -> None:
    with pytest.raises(TwinError, match="row=x"):
        pool(_refuse)


def _refuse() -> None:
    raise InvalidParameter("row=x is no whole number")
