"""Launcher: `python start.py` starts the studio, `python start.py test` checks a change.

It needs nothing but Python. The first run installs the packages into .venv. Arguments go to the
app, those after `test` to pytest:

    python start.py --port 8000
    python start.py generate --prompt "a red circle moving left on a navy background"
    python start.py test tests/jobs -k cancel
"""

from __future__ import annotations

import sys

from scripts import interpreters


def main(words: list[str]) -> int:
    if sys.version_info < interpreters.LEAST:
        return interpreters.run_with_a_newer_one([__file__, *words])
    # Here, because an older Python cannot read them.
    from scripts import checks, environment

    try:
        if words[:1] == ["test"]:
            return checks.main(words[1:])
        return environment.start_app(words)
    except environment.SetupError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
