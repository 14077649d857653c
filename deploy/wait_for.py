"""Wait until a server listens at each of these ports of this machine: python deploy/wait_for.py PORT ..."""

import socket
import sys
import time

SECONDS = 120
PAUSE = 0.2


def wait_for(port: int, deadline: float) -> None:
    """Wait for one port.

    Raises
    ------
    SystemExit
        If no server listens there by the deadline.
    """
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"No server listens at port {port} after {SECONDS} seconds; see why it did not start.")
            time.sleep(PAUSE)
        else:
            return


if __name__ == "__main__":
    for word in sys.argv[1:]:
        wait_for(int(word), time.monotonic() + SECONDS)
