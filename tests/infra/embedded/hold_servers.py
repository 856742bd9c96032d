"""Run embedded servers on a data directory until SIGTERM: a copy for the tests to kill."""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from app.infra.embedded import EmbeddedServerError, embedded_servers
from app.infra.settings import Settings


async def main() -> None:
    told_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_stop.set)
    settings = Settings(data_dir=Path(sys.argv[1]))
    async with embedded_servers(settings, report=lambda _: None) as addresses:
        sys.stdout.write(json.dumps(asdict(addresses)) + "\n")
        sys.stdout.flush()
        await told_to_stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except EmbeddedServerError as error:
        sys.exit(str(error))
