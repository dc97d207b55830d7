"""Bounded fuzzing of everything that reads what comes from outside: ``make fuzz``, ``make fuzz MINUTES=30``.

Good inputs are damaged and read in processes of their own, whose time and memory are bounded. A result or an error of
ours is well; anything else is a finding, with what is needed to see it again.
"""
