"""Work in the background: relay, consumer, scheduler, and the jobs themselves."""
