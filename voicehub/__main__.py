"""`python -m voicehub` is the command `voicehub`."""

from voicehub.cli import main

main()
