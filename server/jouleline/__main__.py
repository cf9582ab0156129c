import sys


def main() -> int:
    """The command ``jouleline``, which can be stopped while it is still being imported."""
    try:
        from jouleline.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("jouleline: stopped\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
