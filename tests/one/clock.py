# SPDX-License-Identifier: Apache-2.0
"""The model's own time: the machine's, moved on by hand, so that a test need not wait for a guard of 30 s to pass."""
import threading
import time


class Clock:
    def __init__(self):
        self.ahead = 0
        self.moved = threading.Condition()

    def now(self):
        """Seconds since 1970."""
        return time.time() + self.ahead

    def advance(self, seconds):
        """Lets that much time pass at once; who waits in pause() looks at it again."""
        with self.moved:
            self.ahead += seconds
            self.moved.notify_all()

    def pause(self, seconds):
        """Waits that long, or until the time was moved on."""
        with self.moved:
            self.moved.wait(seconds)
