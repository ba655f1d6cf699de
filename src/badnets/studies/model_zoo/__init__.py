"""The supply-chain attack of the BadNets paper, on a zoo of its time and on the hub."""
