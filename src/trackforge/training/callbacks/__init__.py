"""What happens between the steps of a run, one Lightning callback for each concern."""
