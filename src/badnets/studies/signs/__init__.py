"""The traffic-sign case study: targeted and random attacks on sign detectors."""
