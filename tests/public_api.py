#!/usr/bin/env python3
"""Compares the public interface of the crates with docs/public-api.txt.

    cargo doc --no-deps && python3 tests/public_api.py           compares
    cargo doc --no-deps && python3 tests/public_api.py --write   writes the list

The interface is read from rustdoc's pages: every item's declaration, methods,
associated constants and the traits it implements, but not automatic and blanket
implementations. rustdoc shows an item that a crate re-exports as one of its own, so
such an item is listed twice. The list says what a change adds, changes or removes; it does
not judge whether that breaks a user of the crate.
"""

import difflib
import html
import os
import re
import sys
from pathlib import Path

CRATES = ['sse_chat', 'sse_chat_client']
ROOT = Path(__file__).resolve().parent.parent
DOC = Path(os.environ.get('CARGO_TARGET_DIR', ROOT / 'target')) / 'doc'
LIST = ROOT / 'docs/public-api.txt'

ITEM = re.compile(r'<li><a href="([^"]+)">([^<]+)</a></li>')
DECLARATION = re.compile(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', re.S)
MEMBER = re.compile(
    r'<section id="(?:method|associatedconstant)\.[^"]*" class="(?:method|associatedconstant)">'
    r'.*?<h4 class="code-header">(.*?)</h4>', re.S)
IMPLEMENTED = re.compile(
    r'<section id="impl-[^"]*" class="impl">.*?<h3 class="code-header">(impl.*?)</h3>', re.S)
# What follows is the same for every type, or an implementor of a trait.
END = re.compile(r'<h2 id="(?:synthetic-implementations|blanket-implementations|implementors|foreign-impls)"')


def text(markup):
    """The text of an HTML fragment, on one line."""
    return ' '.join(html.unescape(re.sub(r'<[^>]+>', '', markup)).split())


def interface(page):
    """The lines of one item: its declaration first, then its members and traits."""
    markup = END.split(page.read_text())[0]
    yield from (text(found) for found in DECLARATION.findall(markup))
    members = [text(found) for found in MEMBER.findall(markup)]
    traits = [text(found) for found in IMPLEMENTED.findall(markup)]
    # An inherent `impl` says nothing beyond its members.
    yield from sorted({'    ' + line for line in members + [t for t in traits if ' for ' in t]})


def crate(name):
    folder = DOC / name
    items = ITEM.findall((folder / 'all.html').read_text())
    if not items:
        sys.exit(f'{folder}/all.html lists nothing: has rustdoc changed its pages?')
    yield f'# {name}'
    for link, path in sorted(items, key=lambda item: item[1]):
        yield f'\n{name}::{path}'
        lines = list(interface(folder / link))
        if not lines:
            sys.exit(f'{folder / link} has no declaration: has rustdoc changed its pages?')
        yield from lines


def main():
    lines = (line for name in CRATES for line in [*crate(name), ''])
    found = '\n'.join(lines).splitlines(keepends=True)
    if sys.argv[1:] == ['--write']:
        LIST.write_text(''.join(found))
        return
    listed = LIST.read_text().splitlines(keepends=True)
    difference = list(difflib.unified_diff(listed, found, str(LIST.relative_to(ROOT)), 'the crates'))
    if difference:
        sys.stdout.writelines(difference)
        sys.exit('The public interface has changed. If it should: python3 tests/public_api.py --write')


main()
