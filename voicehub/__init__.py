"""VoiceHub: a server for live AI voice sessions."""

__version__ = "0.1.0"
