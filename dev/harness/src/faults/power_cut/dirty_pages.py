"""Prints, as JSON, which pages of files the kernel has not yet written to the disk: {path: [page number, ...]}.

Asks cachestat(2), Linux 6.5 and later, through ctypes: the project forbids unsafe code, also in its tools, and no
safe Rust wrapper of it exists. Pages are 4,096 bytes. Called by power_cut.rs with the paths as arguments.
"""

import ctypes
import json
import os
import sys

CACHESTAT = 451  # the same number on every architecture
PAGE = 4096
libc = ctypes.CDLL(None, use_errno=True)


def unwritten(descriptor, offset, length):
    """How many pages of the range are dirty or on their way to the disk."""
    span = (ctypes.c_uint64 * 2)(offset, length)
    found = (ctypes.c_uint64 * 5)()  # cached, dirty, writeback, evicted, recently evicted
    if libc.syscall(CACHESTAT, descriptor, span, found, 0) != 0:
        sys.exit(f"cachestat: {os.strerror(ctypes.get_errno())}")
    return found[1] + found[2]


def search(descriptor, first, count, out):
    """Appends the numbers of unwritten pages among `count` from `first` on, halving what has any."""
    if count == 0 or unwritten(descriptor, first * PAGE, count * PAGE) == 0:
        return
    if count == 1:
        out.append(first)
        return
    half = count // 2
    search(descriptor, first, half, out)
    search(descriptor, first + half, count - half, out)


answer = {}
for path in sys.argv[1:]:
    descriptor = os.open(path, os.O_RDWR)
    pages = []
    search(descriptor, 0, -(-os.fstat(descriptor).st_size // PAGE), pages)
    os.close(descriptor)
    answer[path] = pages
print(json.dumps(answer))
