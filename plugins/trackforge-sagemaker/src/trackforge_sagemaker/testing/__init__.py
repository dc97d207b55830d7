"""Stand-ins for what only AWS has, to try containers and their clients on one machine: public, for users' tests too."""
