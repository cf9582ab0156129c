import sys

from jouleline.cli.main import main

sys.exit(main())
