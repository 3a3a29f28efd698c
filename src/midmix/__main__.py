"""`python -m midmix`, the same as the `midmix` command."""

from midmix.cli import main

if __name__ == "__main__":
    main()
