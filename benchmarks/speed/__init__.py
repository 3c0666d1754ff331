"""How fast, as ratios: each figure of the service beside what it is compared with, in turn within one run."""
