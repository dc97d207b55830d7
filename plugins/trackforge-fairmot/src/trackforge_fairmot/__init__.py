"""FairMOT: one network that finds people and tells them apart; its trackers and its training, for trackforge."""
