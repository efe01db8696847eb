"""Whether the tests of abuse would notice: each defence is taken away in a copy, and its test has to fail.

python -m tests.without [A12 …]
"""
