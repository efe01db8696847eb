"""What the pages show, read in few queries: plain SQL where row objects would cost more than the query."""
