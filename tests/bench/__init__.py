"""How fast it is: each subject prints its figures beside a floor taken in the same run. See README.md."""
