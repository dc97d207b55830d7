"""Training of FairMOT: targets, losses, settings, and the recipe that core's loop carries out."""
