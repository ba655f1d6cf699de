"""The traffic-sign case study: sign detectors, and what survives transfer learning."""
