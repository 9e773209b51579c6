"""``python -m sandtable`` and the ``sandtable`` script."""

from sandtable.app import main

if __name__ == "__main__":
    main()
