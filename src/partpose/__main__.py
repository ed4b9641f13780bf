"""`python -m partpose` is the `partpose` command."""

from partpose.cli import main

if __name__ == "__main__":
    main()
