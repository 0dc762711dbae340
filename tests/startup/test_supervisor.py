"""The death of a worker is noticed, whenever it comes."""

from threading import Thread

import uvicorn

from app.supervisor import Worker
from tests.startup.servers import PATIENCE

FOR_EVER = 600


def test_a_worker_that_dies_is_not_waited_for_to_say_that_it_lives() -> None:
    worker = Worker(uvicorn.Config("app.main:create_app", factory=True), sockets=[])
    worker.start()
    worker.process.kill()
    worker.process.join()
    asking = Thread(target=worker.ping, args=(FOR_EVER,), daemon=True)

    asking.start()

    asking.join(PATIENCE)
    assert not asking.is_alive()
