"""The doors out: each file speaks to one part of the outer world, as `ports` asks it to."""
