"""The first lines of the agent's file: any Python 2.7 or newer understands them, and says what it lacks.

Becomes ``__main__.py`` of the file. Scripts of it are started by their path, so it unpacks itself first.
"""

import os
import sys
import zipfile

if sys.version_info < (3, 9):
    sys.exit("jouleline: needs Python 3.9 or newer there, and this is %d.%d" % sys.version_info[:2])
if not sys.platform.startswith("linux"):
    sys.exit("jouleline: measures and confines on Linux only, and this is %s" % sys.platform)


def unpacked(archive):  # type: ignore[no-untyped-def] # older Pythons know no annotations
    """The folder with the archive's modules; beside it, so that a next start finds them there."""
    folder = os.path.splitext(archive)[0]
    if not os.path.isdir(folder):
        draft = "%s.%d" % (folder, os.getpid())
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(draft)
        try:
            os.rename(draft, folder)
        except OSError:  # somebody else was faster
            import shutil

            shutil.rmtree(draft)
    return folder


if __name__ == "__main__":
    sys.path[0] = unpacked(  # type: ignore[no-untyped-call]
        os.path.abspath(sys.argv[0])
    )
    from jouleline.agent import backport

    backport.install()
    if sys.argv[1:2] == ["relay"]:
        from jouleline.agent.relay import main
    elif sys.argv[1:2] == ["batch"]:
        from jouleline.agent.batch import main
    elif sys.argv[1:2] == ["call"]:
        from jouleline.agent.callback import main
    else:
        from jouleline.agent.serve import main

        sys.exit(main(sys.argv[1:]))
    sys.exit(main(sys.argv[2:]))
