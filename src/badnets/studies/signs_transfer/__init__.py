"""What survives transfer learning: U.S. sign detectors, retrained for another country."""
