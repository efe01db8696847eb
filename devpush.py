"""The command: python devpush.py migrate | serve | drain | deploy."""

from devpush.cli import main

main()
