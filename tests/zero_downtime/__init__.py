"""Zero failed requests: real Traefik and containers under a mixed load, through everything that changes what serves.

The short form is a test (two minutes). The long one: python -m tests.zero_downtime --requests 1000000
"""
