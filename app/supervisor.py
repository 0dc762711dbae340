"""Workers whose death is seen at once, also while they are asked whether they live."""

from uvicorn.supervisors import Multiprocess, multiprocess
from uvicorn.supervisors.multiprocess import Process


class Worker(Process):
    """uvicorn's process keeps the worker's end of their pipe open beside its own. A worker that
    is killed before it has answered would be waited for until the time for an answer is over.
    """

    def start(self) -> None:
        super().start()
        self.child_conn.close()


class Supervisor(Multiprocess):
    """Starts workers, and starts a new one for each that dies."""

    def run(self) -> None:
        vars(multiprocess)["Process"] = Worker  # uvicorn asks nobody which kind it shall start
        super().run()
