"""kill -9 at every await of a rollout, a deletion and a sweep: the real process on real parts, started again each time.

The short form is a test: some of the places, spread over all. The long one takes them all: python -m tests.crash
"""
