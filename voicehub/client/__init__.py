"""A client of VoiceHub: what `voicehub talk`, the demo, benchmarks and tests speak through."""
