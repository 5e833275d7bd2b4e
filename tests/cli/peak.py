# SPDX-License-Identifier: Apache-2.0
# Runs a command and watches its memory: peak.py PRIVATE RESIDENT COMMAND... (limits in KiB).
# Private memory is sampled, the resident peak is the kernel's own. Exit code 0 when the command ended
# with 0 and stayed below both.
import os
import re
import subprocess
import sys
import time

SAMPLE_SECONDS = 0.01


def private(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return sum(int(n) for n in re.findall(r"^Private_\w+: *(\d+) kB", f.read(), re.M))
    except OSError:
        return 0  # it has just ended


def main(private_limit, resident_limit, *command):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as p:
        peak = done = 0
        while not done:
            peak = max(peak, private(p.pid))
            time.sleep(SAMPLE_SECONDS)
            done, status, usage = os.wait4(p.pid, os.WNOHANG)
        p.returncode = os.waitstatus_to_exitcode(status)
    print("%6d KiB private, %6d resident, exit %d: %s"
          % (peak, usage.ru_maxrss, p.returncode, " ".join(command)))
    return p.returncode or peak > int(private_limit) or usage.ru_maxrss > int(resident_limit)


sys.exit(main(*sys.argv[1:]))
