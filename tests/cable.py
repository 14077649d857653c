"""A slow cable: passes frames between two network devices late, and loses some.

`python -m tests.cable DEVICE DEVICE SECONDS LOSS` runs until it is ended. The kernel's own netem does the same, but is
not part of every kernel.
"""

import random
import select
import socket
import sys
import time
from collections import deque

PACKET_VNET_HDR = 15  # an option of the level SOL_PACKET: frames keep what a real device would compute, as checksums
SOL_PACKET = 263
OUTGOING = 4  # the type of a frame that this host has sent itself
EVERYTHING = 3  # the protocol ETH_P_ALL
LARGEST = 2**17


def end(device):
    """A socket that sends and receives whole frames of a device."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    opened.bind((device, EVERYTHING))
    return opened


def carry(devices, seconds, loss):
    """Pass frames on for ever."""
    ends, chance, late = [end(device) for device in devices], random.Random(0), deque()  # noqa: S311
    print("connected", flush=True)  # noqa: T201 - the starter waits for it
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else None
        for ready in select.select(ends, (), (), wait)[0]:
            frame, address = ready.recvfrom(LARGEST)
            if address[2] != OUTGOING and chance.random() >= loss:
                late.append((time.monotonic() + seconds, ends[ends[0] is ready], frame))
        while late and late[0][0] <= time.monotonic():
            _, other, frame = late.popleft()
            other.send(frame)


if __name__ == "__main__":
    carry(sys.argv[1:3], float(sys.argv[3]), float(sys.argv[4]))
