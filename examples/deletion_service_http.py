"""The service of deletion_service.py behind HTTP, for this machine alone.

Run: pip install starlette uvicorn, then python examples/deletion_service_http.py FOLDER

FOLDER holds model.joblib (fitted with ids, saved with skqmu.save) and key (hexadecimal). Ids are in
the bodies of requests, never in addresses, which servers log:

    curl -d '{"id": "customer 7", "ticket": "T-1"}' http://127.0.0.1:8000/requests
    curl http://127.0.0.1:8000/requests/1
    curl http://127.0.0.1:8000/requests/1/receipt

Kill it whenever you like: whatever it had taken down is honoured when it is started again.
"""

import contextlib
import json
import sys
import threading
from datetime import timedelta
from pathlib import Path

from skqmu.exceptions import LedgerError
from skqmu.ledger import BatchingPolicy, DeletionLedger

POLICY = BatchingPolicy(number=4, most=16, margin=timedelta(days=3))
USAGE = "python examples/deletion_service_http.py FOLDER"


def make_app(folder):
    """The web application; its worker runs as long as it does."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    ledger = DeletionLedger(
        folder / "deletions.db", key=bytes.fromhex((folder / "key").read_text())
    )
    woken, ended = threading.Event(), threading.Event()

    def told(request):
        return {"request": request.number, "state": request.state, "reason": request.reason}

    async def receive(call):
        try:
            letter = json.loads(await call.body())
            options = {"due": timedelta(days=30), "reference": letter["ticket"]}
            taken = await run_in_threadpool(ledger.receive, letter["id"], **options)
        except (KeyError, TypeError, ValueError) as error:
            # the message may name the id: it goes to the sender, and into no log
            return JSONResponse({"error": str(error)}, status_code=422)
        woken.set()
        return JSONResponse(told(taken), status_code=202)

    def show(call):
        try:
            return JSONResponse(told(ledger.request(call.path_params["number"])))
        except LedgerError as error:
            return JSONResponse({"error": str(error)}, status_code=404)

    def receipt(call):
        try:
            return JSONResponse(ledger.receipt(call.path_params["number"]))
        except LedgerError as error:
            return JSONResponse({"error": str(error)}, status_code=404)

    def work():
        while not ended.is_set():
            try:
                batch = ledger.honour(folder / "model.joblib", policy=POLICY, trust=True)
            except (LedgerError, OSError) as error:
                # another worker has the model, the disk is full, ...: nothing is lost by waiting
                print(f"not honoured yet: {error}", file=sys.stderr)
                batch = None
            if batch is None:  # deadlines come nearer also while nobody writes
                woken.wait(timeout=60)
                woken.clear()

    @contextlib.asynccontextmanager
    async def lifespan(app):
        worker = threading.Thread(target=work)
        worker.start()
        yield
        ended.set()
        woken.set()
        worker.join()

    routes = [
        Route("/requests", receive, methods=["POST"]),
        Route("/requests/{number:int}", show),
        Route("/requests/{number:int}/receipt", receipt),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main():
    if len(sys.argv) != 2:
        print(f"usage: {USAGE}")
        return
    try:
        import uvicorn

        app = make_app(Path(sys.argv[1]))
    except ImportError as error:
        raise SystemExit(f"{error}: pip install starlette uvicorn") from error
    uvicorn.run(app, host="127.0.0.1", port=8000, access_log=False)


if __name__ == "__main__":
    main()
