"""What every provider that works by calls has to do, told once; each provider brings a rig of its own."""
