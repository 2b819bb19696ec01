"""Gathers the licence texts of what a package contains, and the lines of `copyright` that name them.

    licences.py SITE TARGET COPYRIGHT_IN APACHE

Writes TARGET/<name>/..., and `copyright` on standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))

from parts import OWN, Part, parts

BSD_3_CLAUSE: Final = """\
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote
   products derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""
WITHOUT_TEXT: Final = {
    "flatbuffers": "Copyright 2014 Google Inc. All rights reserved.",
    "pyserial": "Copyright (C) 2001-2020 Chris Liechti <cliechti@gmx.net>. All rights reserved.",
}
"""Wheels that bring no licence text -> the notice in their sources."""


def gather(site: Path, target: Path, apache: Path) -> str:
    """Put every text into `target`; returns the stanzas of `copyright`. Raises ValueError for a part without one."""
    standard = {"Apache-2.0": apache.read_text("utf-8"), "BSD-3-Clause": BSD_3_CLAUSE}
    stanzas = []
    for part in parts(site):
        if part.name == OWN:
            continue
        folder = target / part.name
        folder.mkdir(parents=True)
        for text in part.texts:
            # Two files of one name, in folders of the metadata, stay two.
            name = text.name if not (folder / text.name).exists() else f"{text.parent.name}-{text.name}"
            (folder / name).write_bytes(text.read_bytes())
        if not part.texts:
            if part.name not in WITHOUT_TEXT or part.licence not in standard:
                raise ValueError(f"{part.name} brings no licence text: add its notice to WITHOUT_TEXT in {__file__}")
            (folder / "LICENSE").write_text(f"{WITHOUT_TEXT[part.name]}\n\n{standard[part.licence]}", "utf-8")
        stanzas.append(_stanza(part))
    return "\n".join(stanzas)


def _stanza(part: Part) -> str:
    return (
        f"Files: opt/edge-balancer/venv/lib/python3.*/site-packages/{part.name.replace('-', '_')}*\n"
        f"Copyright: its authors, see /opt/edge-balancer/licenses/{part.name}\n"
        f"License: {part.licence.replace(' OR ', ' or ').replace(' AND ', ' and ')}\n"
        f" {part.name} {part.version}. Text: /opt/edge-balancer/licenses/{part.name}\n"
    )


def main() -> int:
    site, target, template, apache = map(Path, sys.argv[1:])
    try:
        stanzas = gather(site, target, apache)
    except ValueError as error:
        print(f"licences: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(template.read_text("utf-8").replace("@THIRD_PARTY@", stanzas))
    return 0


if __name__ == "__main__":
    sys.exit(main())
